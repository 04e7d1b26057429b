# SPDX-License-Identifier: Apache-2.0
"""Client of function aliases."""

from qinling_tempest_plugin.services import base


class AliasClient(base.Client):
    """Client of function aliases, whose names serve as ids."""

    path = '/v1/aliases'

    def list_history(self, name: str) -> list[base.Row]:
        """Return the targets of an alias, the newest first."""
        return self.get_body(f'{self.path}/{name}/history')['history']

    def roll_back(self, name: str) -> base.Row:
        """Point an alias at the previous target."""
        return self.send_json('POST', f'{self.path}/{name}/rollback', 200)
