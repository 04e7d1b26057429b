# SPDX-License-Identifier: Apache-2.0
"""Tests of quotas under concurrency, on every database."""

import io

from oslotest import base

from qinling.core.function import packages
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests.contracts import database
from qinling.tests import fixtures

MANY = 8


class Quotas:
    """Tests of quotas on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(self.backend))
        self.services = self.core.services
        self.ctx = fixtures.caller()
        self.project = self.ctx.project_id
        self.runtime = self.core.runtime()

    def set_limits(self, **limits):
        self.services.quotas.update(self.project, limits)

    def usage(self):
        return self.services.quotas.get(self.ctx, self.project)[1]

    def count_rejections(self, *actions):
        """Return the number of simultaneous actions rejected by the quota."""
        def call(action):
            def run():
                try:
                    action()
                except (exception.QuotaExceeded,
                        exception.StorageQuotaExceeded):
                    return 1
                return 0
            return run
        return sum(database.run_together(*map(call, actions)))

    def function(self, ctx=None):
        return self.core.function(ctx, runtime_id=self.runtime)

    def test_concurrent_function_creation(self):
        self.set_limits(functions=3)
        self.assertEqual(MANY - 3,
                         self.count_rejections(*[self.function] * MANY))
        self.assertEqual(3, self.usage()['functions'])
        # Rejected requests leave no package.
        self.assertEqual(3, len(self.core.packages()))
        self.function(fixtures.caller('other'))

    def test_default_quotas_of_a_new_project(self):
        self.core.conf.set_override('functions', 2, group='quota')
        self.assertEqual(MANY - 2,
                         self.count_rejections(*[self.function] * MANY))

    def test_concurrent_creation_of_versions_jobs_and_webhooks(self):
        id = self.function().id
        self.set_limits(versions=2, jobs=2, webhooks=2)
        services, ctx = self.services, self.ctx
        for name, action in (
                ('versions', lambda: services.versions.create(
                    ctx, id, None)),
                ('jobs', lambda: services.jobs.create(
                    ctx, {'function_id': id, 'pattern': '@daily'})),
                ('webhooks', lambda: services.webhooks.create(
                    ctx, {'function_id': id}))):
            self.assertEqual(MANY - 2, self.count_rejections(*[action] * MANY),
                             name)
            self.assertEqual(2, self.usage()[name])

    def test_bytes(self):
        size = len(fixtures.PACKAGE)
        self.set_limits(storage_bytes=2 * size)
        self.assertEqual(MANY - 2,
                         self.count_rejections(*[self.function] * MANY))
        self.assertEqual(2 * size, self.usage()['storage_bytes'])
        row = self.services.functions.list(self.ctx, (), crud.Page())[0]
        archive = fixtures.archive({'main.py': 'def main():\n    pass\n'})

        def replace():
            return self.services.functions.update(
                self.ctx, row.id, {}, io.BytesIO(archive))
        self.assertRaises(exception.StorageQuotaExceeded, replace)
        self.set_limits(storage_bytes=2 * size + len(archive))
        replace()
        # The old package has gone.
        self.assertEqual(size + len(archive), self.usage()['storage_bytes'])
        self.services.versions.create(self.ctx, row.id, None)
        self.assertEqual(size + len(archive), self.usage()['storage_bytes'])
        self.services.versions.delete(self.ctx, row.id, 1)
        self.services.functions.delete(self.ctx, row.id)
        self.assertEqual(size, self.usage()['storage_bytes'])

    def test_deleted_rows_free_quota(self):
        self.set_limits(functions=1)
        id = self.function().id
        self.assertRaises(exception.QuotaExceeded, self.function)
        self.services.functions.delete(self.ctx, id)
        self.function()

    def test_ended_jobs_do_not_count(self):
        self.set_limits(jobs=1)
        values = {'function_id': self.function().id, 'pattern': '@daily'}
        jobs = self.services.jobs
        id = jobs.create(self.ctx, values).id
        self.assertRaises(exception.QuotaExceeded, jobs.create, self.ctx,
                          values)
        jobs.update(self.ctx, id, {'status': 'cancelled'})
        jobs.create(self.ctx, values)

    def test_lower_limits_and_deletion_of_quotas(self):
        for _ in range(2):
            self.function()
        self.set_limits(functions=1)
        self.assertRaises(exception.QuotaExceeded, self.function)
        self.set_limits(functions=-1)
        self.function()
        self.set_limits(functions=0, jobs=5)
        self.services.quotas.delete(self.project)
        limits, _ = self.services.quotas.get(self.ctx, self.project)
        self.assertEqual({-1}, set(limits.values()))
        self.function()

    def test_packages_older_than_quotas_are_measured(self):
        self.function()
        self.core.db.write(lambda tx: crud.delete_all(tx, models.Package))
        self.assertEqual(0, self.usage()['storage_bytes'])
        for _ in range(2):
            self.core.backends.packages.sweep(packages.GRACE_SECONDS)
            self.assertEqual(len(fixtures.PACKAGE),
                             self.usage()['storage_bytes'])


class TestSqlite(Quotas, base.BaseTestCase):
    backend = 'sqlite'


class TestPostgresql(Quotas, base.BaseTestCase):
    backend = 'postgresql'


class TestMariadb(Quotas, base.BaseTestCase):
    backend = 'mariadb'
