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

"""Function versions."""

from qinling_tempest_plugin.services import base


class VersionClient(base.Client):
    """A client of function versions, which have numbers for ids."""

    @staticmethod
    def _of(function_id, number=None):
        path = f'/v1/functions/{function_id}/versions'
        return path if number is None else f'{path}/{number}'

    def create(self, function_id, **values):
        """Publish what the function is now."""
        return self.write('POST', self._of(function_id), 201, values)

    def list(self, function_id):
        """The versions of a function."""
        return self.read(self._of(function_id))['function_versions']

    def show(self, function_id, number):
        """One version."""
        return self.read(self._of(function_id, number))

    def update(self, function_id, number, **values):
        """Change the description."""
        return self.write('PUT', self._of(function_id, number), 200, values)

    def download(self, function_id, number):
        """The bytes of the package."""
        return self.read(self._of(function_id, number), download='true')

    def destroy(self, function_id, number):
        """Delete a version."""
        self.remove(self._of(function_id, number))
