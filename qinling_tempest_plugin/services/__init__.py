# SPDX-License-Identifier: Apache-2.0
"""A client for each noun."""

from qinling_tempest_plugin.services.alias import AliasClient
from qinling_tempest_plugin.services.execution import ExecutionClient
from qinling_tempest_plugin.services.function import FunctionClient
from qinling_tempest_plugin.services.job import JobClient
from qinling_tempest_plugin.services.runtime import RuntimeClient
from qinling_tempest_plugin.services.version import VersionClient
from qinling_tempest_plugin.services.webhook import WebhookClient

__all__ = ['AliasClient', 'ExecutionClient', 'FunctionClient', 'JobClient',
           'RuntimeClient', 'VersionClient', 'WebhookClient']
