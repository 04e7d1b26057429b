# SPDX-License-Identifier: Apache-2.0
"""Runtimes."""

from qinling_tempest_plugin.services import base


class RuntimeClient(base.Client):
    """A client of runtimes."""

    path = '/v1/runtimes'

    def pool(self, id):
        """How many workers it has; for administrators."""
        return self.read(f'{self.path}/{id}/pool')['capacity']
