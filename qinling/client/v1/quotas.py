# SPDX-License-Identifier: Apache-2.0
"""Quotas of projects, addressed by project id; without an id, ``get``
returns the quota of the project of the user."""

from qinling.client.v1 import base


class Quotas(base.Collection):
    """Quotas.

    Fields of an update: ``functions``, ``versions``, ``storage_bytes``,
    ``jobs``, ``webhooks`` and ``concurrent_executions``; -1 removes a limit.
    Deletion restores the default limits.
    """

    path = 'quotas'
