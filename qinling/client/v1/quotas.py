# SPDX-License-Identifier: Apache-2.0
"""How much projects may have."""

from qinling.client.v1 import base


class Quotas(base.Collection):
    path = 'quotas'

    def update(self, project_id, **limits):
        """Set limits of a project, -1 for none: ``functions``,
        ``versions``, ``storage_bytes``, ``jobs``, ``webhooks`` and
        ``concurrent_executions``."""
        return self._call('PUT', project_id, json=limits)

    def delete(self, project_id):
        """Give a project the limits that all have."""
        self._call('DELETE', project_id)
