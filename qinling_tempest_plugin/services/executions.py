# SPDX-License-Identifier: Apache-2.0
"""Client of executions."""

import typing

from qinling_tempest_plugin.services import base


class ExecutionClient(base.Client):
    """Client of executions."""

    path = '/v1/executions'

    def get_log(self, id: str) -> str:
        """Return the log as text."""
        body = self.get_body(f'{self.path}/{id}/log')
        return body.decode() if isinstance(body, bytes) else body

    def cancel(self, id: str) -> base.Row:
        return self.send_json('POST', f'{self.path}/{id}/cancel', 200)

    def rerun(self, id: str, **values: typing.Any) -> base.Row:
        """Repeat an execution, and return the new execution."""
        return self.send_json('POST', f'{self.path}/{id}/rerun', 201, values)
