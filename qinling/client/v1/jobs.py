# SPDX-License-Identifier: Apache-2.0
"""Jobs: executions on a schedule."""

from qinling.client import http
from qinling.client.v1 import base


class Jobs(base.Collection):
    path = 'jobs'
    key = 'jobs'
    noun = 'Job'

    def create(self, **fields):
        """``fields``: ``function_id`` and ``function_version``, or
        ``function_alias``; ``name``, ``first_execution_time``, ``pattern``,
        ``function_input``, ``count``, ``timezone``, ``misfire``."""
        return self._call('POST', json=http.given(fields))

    def update(self, id, if_match=None, **fields):
        """``fields``: ``name``, ``status``, ``pattern``,
        ``next_execution_time``, ``function_input``, ``timezone``,
        ``misfire``."""
        return self._call('PUT', id, if_match=if_match,
                          json=http.given(fields))

    def next(self, id, count=None):
        """The next times at which the job runs."""
        return self._call('GET', id, 'next', params=http.given(
            {'count': count}))['next_execution_times']
