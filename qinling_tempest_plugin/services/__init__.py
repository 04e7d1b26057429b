# SPDX-License-Identifier: Apache-2.0
"""Clients of the REST API, one for each noun."""

from qinling_tempest_plugin.services.aliases import AliasClient
from qinling_tempest_plugin.services.executions import ExecutionClient
from qinling_tempest_plugin.services.functions import FunctionClient
from qinling_tempest_plugin.services.jobs import JobClient
from qinling_tempest_plugin.services.runtimes import RuntimeClient
from qinling_tempest_plugin.services.versions import VersionClient
from qinling_tempest_plugin.services.webhooks import WebhookClient

__all__ = ['AliasClient', 'ExecutionClient', 'FunctionClient', 'JobClient',
           'RuntimeClient', 'VersionClient', 'WebhookClient']
