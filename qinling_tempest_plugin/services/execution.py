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

"""Executions."""

from qinling_tempest_plugin.services import base


class ExecutionClient(base.Client):
    """A client of executions."""

    path = '/v1/executions'

    def log(self, id):
        """The log as text."""
        body = self.read(f'{self.path}/{id}/log')
        return body.decode() if isinstance(body, bytes) else body

    def cancel(self, id):
        """End one that runs or waits."""
        return self.write('POST', f'{self.path}/{id}/cancel', 200)

    def rerun(self, id, **values):
        """Run the same again."""
        return self.write('POST', f'{self.path}/{id}/rerun', 201, values)
