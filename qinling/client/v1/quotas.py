#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

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
