#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

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
