# SPDX-License-Identifier: Apache-2.0
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
