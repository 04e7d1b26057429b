# SPDX-License-Identifier: Apache-2.0
"""Jobs: executions on a schedule."""

import typing

from qinling.client import http
from qinling.client.v1 import base


class Jobs(base.Collection):
    """Jobs.

    Fields of an update: ``name``, ``status``, ``pattern``,
    ``next_execution_time``, ``function_input``, ``timezone``, ``misfire``,
    ``overlap``, ``start_at``, ``end_at``, ``jitter``, ``max_failures``,
    ``exclusions``.
    """

    path = 'jobs'
    key = 'jobs'
    noun = 'Job'

    def create(self, **fields: typing.Any) -> base.Resource:
        """Create a job.

        :param fields: ``function_id`` and ``function_version``, or
            ``function_alias``; ``name``, ``first_execution_time``,
            ``pattern``, ``function_input``, ``count``, and fields of an
            update from ``timezone`` on.
        """
        return self._call('POST', json=http.drop_none(fields))

    def run(self, id: str) -> base.Resource:
        """Run the function of a job now, and return the execution."""
        return self._call('POST', id, 'run')

    def list_fires(self, id: str, since: str | None = None,
                   until: str | None = None) -> base.Rows:
        """Return what became of the fire times, and those to come.

        :param since: time in UTC, by default a day ago, less for a
            job that fires often.
        :param until: time in UTC, by default as far ahead.
        """
        return self._call('GET', id, 'fires', params=http.drop_none(
            {'since': since, 'until': until}))['fires']

    def backfill(self, id: str, since: str, until: str | None = None,
                 dry_run: bool = False, **options: typing.Any) -> base.Rows:
        """Run a job for the fire times that it missed, and return them.

        :param until: time in UTC, by default now.
        :param options: ``overlap``, by default the policy of the job, and
            ``interval``, the seconds between the starts of two executions.
        """
        return self._call('POST', id, 'backfill', json=http.drop_none({
            'since': since, 'until': until, 'dry_run': dry_run,
            **options}))['fires']

    def list_fire_times(self, id: str, count: int | None = None) -> list[str]:
        """Return the next fire times of a job."""
        return self._call('GET', id, 'next', params=http.drop_none(
            {'count': count}))['next_execution_times']
