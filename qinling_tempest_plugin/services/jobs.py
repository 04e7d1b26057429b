# SPDX-License-Identifier: Apache-2.0
"""Client of jobs."""

from qinling_tempest_plugin.services import base


class JobClient(base.Client):
    """Client of jobs."""

    path = '/v1/jobs'

    def list_fire_times(self, id: str, count: int) -> list[str]:
        """Return the next fire times of a job."""
        return self.get_body(f'{self.path}/{id}/next', count=count)[
            'next_execution_times']
