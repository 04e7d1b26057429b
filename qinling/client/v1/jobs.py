# SPDX-License-Identifier: Apache-2.0
"""Jobs: executions on a schedule."""

import typing

from qinling.client import http
from qinling.client.v1 import base


class Jobs(base.Collection):
    """Jobs.

    Fields of an update: ``name``, ``status``, ``pattern``,
    ``next_execution_time``, ``function_input``, ``timezone``, ``misfire``.
    """

    path = 'jobs'
    key = 'jobs'
    noun = 'Job'

    def create(self, **fields: typing.Any) -> base.Resource:
        """Create a job.

        :param fields: ``function_id`` and ``function_version``, or
            ``function_alias``; ``name``, ``first_execution_time``,
            ``pattern``, ``function_input``, ``count``, ``timezone``,
            ``misfire``.
        """
        return self._call('POST', json=http.drop_none(fields))

    def run(self, id: str) -> base.Resource:
        """Run the function of a job now, and return the execution."""
        return self._call('POST', id, 'run')

    def list_fire_times(self, id: str, count: int | None = None) -> list[str]:
        """Return the next fire times of a job."""
        return self._call('GET', id, 'next', params=http.drop_none(
            {'count': count}))['next_execution_times']
