# SPDX-License-Identifier: Apache-2.0
"""Tests of concurrent changes of versions and aliases, on every database."""

import io
import threading

from oslotest import base

from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests import databases
from qinling.tests import fixtures

OTHER = fixtures.archive({'main.py': 'def main(**kwargs):\n    return 2\n'})


def run_concurrently(count, action):
    """Return the results or errors of ``action(number)``, run simultaneously.
    """
    results = [None] * count
    gate = threading.Barrier(count)

    def run(number):
        gate.wait(databases.PATIENCE)
        try:
            results[number] = action(number)
        except Exception as e:
            results[number] = e
    threads = [threading.Thread(target=run, args=(number,))
               for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(databases.PATIENCE)
    return results


class Versions:
    """Tests of versions and aliases on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(self.backend))
        self.ctx = fixtures.caller()
        self.versions = self.core.services.versions
        self.aliases = self.core.services.aliases
        self.functions = self.core.services.functions
        self.function = self.core.function(name='f').id

    def publish(self, _number=0):
        return self.versions.create(
            self.ctx, self.function, None).version_number

    def test_usage(self):
        number = self.publish()

        def usage():
            row = self.versions.usage(self.ctx, self.function, number)
            return (row.state, (row.running, row.queued, row.scheduled),
                    (row.aliases, row.jobs, row.webhooks))
        self.assertEqual(('drained', (0, 0, 0), (0, 0, 0)), usage())
        for columns in ({'owner': 'engine'}, {'owner': 'engine'}, {},
                        {'next_attempt_at': models.now()},
                        {'function_version': 0}, {'status': 'success'}):
            self.core.insert(models.Execution, **{
                'function_id': self.function, 'function_version': number,
                'project_id': self.ctx.project_id, **columns})
        self.assertEqual(('draining', (2, 1, 1), (0, 0, 0)), usage())
        self.publish()
        self.aliases.create(self.ctx, {
            'name': 'a', 'function_id': self.function,
            'function_version': 2, 'routing': {'1': 0.5, '2': 0.5}})
        jobs, webhooks = (self.core.services.jobs,
                          self.core.services.webhooks)
        jobs.create(self.ctx, {'function_alias': 'a', 'pattern': '@daily'})
        direct = {'function_id': self.function, 'function_version': number}
        job = jobs.create(self.ctx, {'pattern': '@daily', **direct})
        webhooks.create(self.ctx, direct)
        self.assertEqual(('active', (2, 1, 1), (1, 2, 1)), usage())
        jobs.update(self.ctx, job.id, {'status': 'cancelled'})
        self.assertEqual((1, 1, 1), usage()[2])

    def test_numbers_are_distinct_and_consecutive(self):
        self.assertEqual(list(range(1, 51)),
                         sorted(run_concurrently(50, self.publish)))
        row = self.functions.get(self.ctx, self.function)
        self.assertEqual((50, 50), (row.latest_version, row.version_counter))

    def test_concurrent_publishing_respects_the_limit(self):
        self.core.conf.set_override('max_versions', 5,
                                    group='resource_limits')
        results = run_concurrently(12, self.publish)
        numbers = [result for result in results if isinstance(result, int)]
        self.assertEqual([1, 2, 3, 4, 5], sorted(numbers))
        refused = [result for result in results if not isinstance(result, int)]
        for error in refused:
            self.assertIsInstance(error, exception.FunctionVersionLimit)

    def test_numbers_are_never_reused(self):
        self.publish()
        for number in (2, 3, 4):
            self.assertEqual(number, self.publish())
            self.versions.delete(self.ctx, self.function, number)
            row = self.functions.get(self.ctx, self.function)
            self.assertEqual(1, row.latest_version)

    def test_delete_and_alias_never_both_succeed(self):
        for _ in range(10):
            number = self.publish()
            name = f'a{number}'
            values = {'name': name, 'function_id': self.function,
                      'function_version': number}
            deleted, pointed = run_concurrently(2, lambda place: (
                self.versions.delete(self.ctx, self.function, number)
                if place == 0 else self.aliases.create(self.ctx, values)))
            if isinstance(pointed, Exception):
                self.assertIsInstance(
                    pointed, exception.FunctionVersionNotFound)
                self.assertIsNone(deleted)
            else:
                self.assertIsInstance(
                    deleted, exception.FunctionVersionInUse)

    def test_delete_and_execution_never_both_succeed(self):
        for _ in range(10):
            number = self.publish()
            order = fixtures.execution_request(
                self.function, sync=False, function_version=number)
            deleted, started = run_concurrently(2, lambda place: (
                self.versions.delete(self.ctx, self.function, number)
                if place == 0
                else self.core.services.triggers.fire(self.ctx, order)))
            if isinstance(started, Exception):
                self.assertIsInstance(
                    started, exception.FunctionVersionNotFound)
                self.assertIsNone(deleted)
            else:
                self.assertIsInstance(
                    deleted, exception.FunctionVersionInUse)

    def test_packages_are_deleted_with_their_last_user(self):
        for _ in range(5):
            numbers = [self.publish() for _ in range(3)]
            results = run_concurrently(4, lambda place: self.functions.update(
                self.ctx, self.function, {}, io.BytesIO(
                    fixtures.archive({'main.py': f'x = {numbers}'})))
                if place == 3 else self.versions.delete(
                    self.ctx, self.function, numbers[place]))
            self.assertEqual(
                [], [result for result in results
                     if isinstance(result, Exception)])
            row = self.functions.get(self.ctx, self.function)
            self.assertEqual([row.package], self.core.packages())

    def test_only_one_concurrent_rollback_succeeds(self):
        for number in range(4):
            self.publish()
        self.aliases.create(self.ctx, {
            'name': 'a', 'function_id': self.function,
            'function_version': 1})
        for number in (2, 3, 4):
            self.aliases.update(self.ctx, 'a', {'function_version': number})
        row = self.aliases.get(self.ctx, 'a')
        results = run_concurrently(8, lambda _: self.aliases.rollback(
            self.ctx, 'a', match=frozenset([row.revision])))
        done = [result for result in results
                if not isinstance(result, Exception)]
        self.assertEqual([3], [result.function_version for result in done])
        for error in results:
            if error not in done:
                self.assertIsInstance(error, exception.PreconditionFailed)

    def test_names_are_unique(self):
        results = run_concurrently(8, lambda _: self.aliases.create(self.ctx, {
            'name': 'a', 'function_id': self.function}))
        done = [result for result in results
                if not isinstance(result, Exception)]
        self.assertEqual(1, len(done))
        for error in results:
            if error not in done:
                self.assertIsInstance(error, exception.FunctionAliasExists)
                self.assertTrue(str(error).startswith('Duplicate entry'))

    def test_names_are_exact(self):
        for name in ('prod', 'Prod', 'PROD'):
            self.aliases.create(self.ctx, {
                'name': name, 'function_id': self.function})
        self.assertEqual(
            'Prod', self.aliases.get(self.ctx, 'Prod').name)

    def test_concurrent_counts_are_exact(self):
        number = self.publish()
        order = fixtures.execution_request(
            self.function, sync=False, function_version=number)
        run_concurrently(20, lambda _: self.core.services.triggers.fire(
            self.ctx, order))
        row = self.versions.get(self.ctx, self.function, number)
        self.assertEqual((20, 1), (row.count, row.revision))

    def test_versions_are_deleted_with_their_function(self):
        self.publish()
        self.functions.update(self.ctx, self.function, {},
                              io.BytesIO(OTHER))
        self.publish()
        self.assertEqual(2, len(self.core.packages()))
        self.functions.delete(self.ctx, self.function)
        self.assertEqual([], self.core.packages())
        self.assertEqual([], self.core.db.read(
            lambda tx: crud.select(tx, models.FunctionVersion)))


class TestSqlite(Versions, base.BaseTestCase):
    backend = 'sqlite'


class TestPostgresql(Versions, base.BaseTestCase):
    backend = 'postgresql'


class TestMariadb(Versions, base.BaseTestCase):
    backend = 'mariadb'
