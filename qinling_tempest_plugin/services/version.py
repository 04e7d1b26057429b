# SPDX-License-Identifier: Apache-2.0
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
