# SPDX-License-Identifier: Apache-2.0
"""Client of runtimes."""

from qinling_tempest_plugin.services import base


class RuntimeClient(base.Client):
    """Client of runtimes."""

    path = '/v1/runtimes'

    def get_capacity(self, id: str) -> dict[str, int]:
        """Return the worker counts of the pool (administrators only)."""
        return self.get_body(f'{self.path}/{id}/pool')['capacity']
