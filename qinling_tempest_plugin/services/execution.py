# SPDX-License-Identifier: Apache-2.0
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
