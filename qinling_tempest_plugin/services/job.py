# SPDX-License-Identifier: Apache-2.0
"""Jobs."""

from qinling_tempest_plugin.services import base


class JobClient(base.Client):
    """A client of jobs."""

    path = '/v1/jobs'

    def next(self, id, count):
        """The times at which it will fire."""
        return self.read(f'{self.path}/{id}/next', count=count)[
            'next_execution_times']
