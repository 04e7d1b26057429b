# SPDX-License-Identifier: Apache-2.0
"""Quota of running executions under concurrency, on every database."""

from oslotest import base

from qinling import exception
from qinling.tests.contracts import database
from qinling.tests import fixtures

CALLERS = 8
LIMIT = 3


class ExecutionQuota:
    """Tests of simultaneous requests on the database ``backend``."""

    def test_simultaneous_requests_never_exceed_the_quota(self):
        core = self.useFixture(fixtures.Core(self.backend))
        ctx = fixtures.caller()
        function = core.function().id
        core.services.quotas.update(
            ctx.project_id, {'concurrent_executions': LIMIT})

        def fire():
            try:
                core.services.triggers.fire(ctx, fixtures.execution_request(
                    function, sync=False))
            except exception.QuotaExceeded:
                return 0
            return 1
        self.assertEqual(LIMIT, sum(database.run_together(*[fire] * CALLERS)))
        self.assertEqual(LIMIT, core.services.quotas.get(
            ctx, ctx.project_id)[1]['concurrent_executions'])


class TestSqlite(ExecutionQuota, base.BaseTestCase):
    backend = 'sqlite'


class TestMariadb(ExecutionQuota, base.BaseTestCase):
    backend = 'mariadb'


class TestPostgresql(ExecutionQuota, base.BaseTestCase):
    backend = 'postgresql'
