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

"""Function aliases."""

from qinling_tempest_plugin.services import base


class AliasClient(base.Client):
    """A client of function aliases, which have names for ids."""

    path = '/v1/aliases'

    def history(self, name):
        """What it pointed at, the present target first."""
        return self.read(f'{self.path}/{name}/history')['history']

    def roll_back(self, name):
        """Let it point at what it pointed at before."""
        return self.write('POST', f'{self.path}/{name}/rollback', 200)
