# SPDX-License-Identifier: Apache-2.0
"""Requests with an idempotency key."""

import datetime
import threading
from unittest import mock

from oslotest import base

from qinling.core import idempotency
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests import databases
from qinling.tests import fixtures

_KEY = models.IdempotencyKey


class IdempotencyTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.db = self.core.db

    def request(self, key='key', content=(b'x',)):
        return idempotency.create_request(key, ('here',), content)

    def list_keys(self):
        return self.db.read(lambda tx: crud.select(tx, _KEY))

    def age_keys(self, hours):
        """Make all keys older."""
        self.db.write(lambda tx: crud.update_all(tx, _KEY, {
            'created_at': models.now() - datetime.timedelta(hours=hours)}))


class TestHashes(base.BaseTestCase):
    def test_different_requests_have_different_hashes(self):
        ids = {idempotency.create_request(key, scope).id for key, scope in (
            ('a', ('b',)), ('b', ('a',)), ('ab', ()), ('a', ('b', '')),
            ('a', ()), ('', ('a',)), ('1:a', ()), ('a', ('1:b',)))}
        self.assertEqual(8, len(ids))
        prints = {idempotency.create_request('a', (), content).fingerprint
                  for content in ((), (b'',), (b'a', b'b'), (b'ab',),
                                  (b'b', b'a'), (b'1:a',))}
        self.assertEqual(6, len(prints))

    def test_hashes_have_a_fixed_length(self):
        for key in ('x', 'x' * 10000, '😀', '\0'):
            request = idempotency.create_request(key, ('😀',),
                                                 (b'\xff' * 1000,))
            self.assertEqual((64, 64), (len(request.id),
                                        len(request.fingerprint)))


class TestRun(IdempotencyTest):
    def setUp(self):
        super().setUp()
        self.ids = []

    def run_once(self, request, fail=None):
        def create():
            id = models.new_id()

            def write(tx):
                idempotency.reserve(tx, request, id)
                if fail:
                    raise fail
            self.db.write(write)
            self.ids.append(id)
            return id
        return idempotency.run(self.db, request, create,
                               lambda id: f'again {id}')

    def test_requests_without_a_key_always_run(self):
        self.db.read = mock.Mock()
        self.run_once(None)
        self.run_once(None)
        self.assertEqual(2, len(self.ids))
        self.db.read.assert_not_called()

    def test_repeats_return_the_first_result(self):
        first, second = self.request(), self.request()
        id = self.run_once(first)
        self.assertEqual(f'again {id}', self.run_once(second))
        self.assertEqual((False, True), (first.repeated, second.repeated))
        self.assertEqual([id], self.ids)

    def test_other_content_with_a_used_key_is_refused(self):
        self.run_once(self.request())
        error = self.assertRaises(
            exception.IdempotencyKeyReused, self.run_once,
            self.request(content=(b'y',)))
        self.assertEqual(422, error.http_code)
        self.assertIn('use a new key', str(error))
        self.assertEqual(1, len(self.ids))

    def test_failed_requests_may_be_repeated(self):
        self.assertRaises(exception.Invalid, self.run_once, self.request(),
                          exception.Invalid('no'))
        self.assertEqual([], self.list_keys())
        self.run_once(self.request())
        self.assertEqual(1, len(self.ids))

    def test_keys_expire_after_a_day(self):
        first = self.run_once(self.request())
        self.age_keys(hours=23.9)
        self.assertEqual(f'again {first}', self.run_once(self.request()))
        self.age_keys(hours=24)
        self.run_once(self.request(content=(b'y',)))
        self.assertEqual(2, len(self.ids))
        self.assertEqual([self.ids[1]],
                         [row.resource_id for row in self.list_keys()])

    def repeat_withdrawn(self, request, create):
        """Repeat a request while the first request is withdrawn."""
        def repeat(id):
            self.db.write(lambda tx: idempotency.release(tx, request))
            raise exception.ExecutionNotFound(id=id)
        return idempotency.run(self.db, request, create, repeat)

    def test_repeat_of_a_withdrawn_request_runs(self):
        self.run_once(self.request())
        repeat = self.request()
        self.assertEqual('new', self.repeat_withdrawn(repeat, lambda: 'new'))
        self.assertFalse(repeat.repeated)

    def test_simultaneous_request_that_is_withdrawn(self):
        """Run after a duplicate key that disappears."""
        errors = [idempotency.KeyTaken()]

        def create():
            if errors:
                raise errors.pop()
            return 'new'
        request = self.request()
        self.assertEqual('new', idempotency.run(
            self.db, request, create, None))
        self.assertFalse(request.repeated)

    def test_requests_that_are_always_withdrawn(self):
        def create():
            self.run_once(self.request())
            idempotency.run(self.db, None, lambda: self.db.write(
                lambda tx: idempotency.reserve(tx, self.request(), 'other')),
                str)
        error = self.assertRaises(
            exception.Unavailable, self.repeat_withdrawn, self.request(),
            create)
        self.assertIn('Try again', str(error))

    def test_duplicates_of_other_tables_raise(self):
        def create():
            raise crud.DuplicateEntry()
        self.assertRaises(crud.DuplicateEntry, idempotency.run, self.db,
                          self.request(), create, None)


class TestExecutions(IdempotencyTest):
    def setUp(self):
        super().setUp()
        self.function = self.core.function().id
        self.ctx = fixtures.caller()

    def create(self, request, sync=True, **values):
        return self.core.services.triggers.fire(
            self.ctx, fixtures.execution_request(
                self.function, sync=sync, **values),
            request)

    def count_executions(self):
        return self.core.row(models.Function, self.function).count

    def test_repeats_create_one_execution(self):
        for sync, verb in ((True, 'run'), (False, 'start')):
            rows = [self.create(self.request(verb), sync=sync)
                    for _ in range(3)]
            self.assertEqual(1, len({row.id for row in rows}))
            self.assertEqual({rows[0].result}, {row.result for row in rows})
            self.assertEqual(1,
                             self.core.engine.verbs().count(verb))
        self.assertEqual(2, self.count_executions())

    def test_repeats_survive_deletion_of_the_function(self):
        """Return the first execution until its deletion."""
        first = self.create(self.request())
        self.core.services.functions.delete(self.ctx, self.function)
        self.assertEqual(first.id, self.create(self.request()).id)
        self.core.services.executions.delete(self.ctx, first.id)
        self.assertRaises(exception.ExecutionNotFound, self.create,
                          self.request())
        self.assertEqual(['run'], [verb for verb in self.core.engine.verbs()
                                   if verb == 'run'])

    def test_refused_requests_reserve_no_key(self):
        self.assertRaises(exception.FunctionVersionNotFound, self.create,
                          self.request(), function_version=7)
        self.assertEqual([], self.list_keys())
        self.assertFalse(self.create(self.request()).id is None)

    def test_repeats_wait_for_the_first_execution(self):
        started, finish = threading.Event(), threading.Event()

        def run(row, target):
            started.set()
            self.assertTrue(finish.wait(databases.PATIENCE))
            return self.core.succeed(row, target)
        self.core.engine.answers['run'] = run
        rows = []
        threads = [threading.Thread(
            target=lambda: rows.append(self.create(self.request())))
            for _ in range(2)]
        threads[0].start()
        self.assertTrue(started.wait(databases.PATIENCE))
        threads[1].start()
        polled = threading.Event()
        get = self.core.services.executions.get
        self.core.services.executions.get = lambda *args: (
            polled.set(), get(*args))[1]
        self.assertTrue(polled.wait(databases.PATIENCE))
        self.assertEqual([], rows)
        finish.set()
        for thread in threads:
            thread.join(databases.PATIENCE)
        self.assertEqual(['success'] * 2, [row.status for row in rows])
        self.assertEqual(rows[0].id, rows[1].id)
        self.assertEqual(1, self.count_executions())

    def test_repeats_of_asynchronous_executions_do_not_wait(self):
        first = self.create(self.request(), sync=False)
        repeat = self.create(self.request(), sync=False)
        self.assertEqual((first.id, 'running'), (repeat.id, repeat.status))

    def test_repeats_wait_for_a_limited_time(self):
        self.create(self.request(), sync=False)
        self.db.write(lambda tx: crud.update_all(
            tx, models.Execution, {'sync': True}))
        for group, name, seconds in (
                ('resource_limits', 'max_timeout', 1),
                ('engine', 'import_timeout', 20),
                ('engine', 'queue_timeout', 1), ('engine', 'lease', 3)):
            self.core.conf.set_override(name, seconds, group=group)
        clock = iter(range(1000))
        self.useFixture(base.fixtures.MonkeyPatch(
            'qinling.core.execution.executions.time', mock.Mock(
                monotonic=lambda: next(clock))))
        self.assertEqual('running', self.create(self.request()).status)
        self.assertEqual(1 + 20 + 1 + 2 * 3 + 1, next(clock))


class TestPurge(IdempotencyTest):
    def reserve(self, count):
        self.db.write(lambda tx: [idempotency.reserve(
            tx, self.request(str(number)), 'id') for number in range(count)])

    def test_purge_deletes_old_keys(self):
        self.reserve(3)
        self.assertEqual(0, idempotency.purge(self.db, 10))
        self.assertEqual(3, len(self.list_keys()))
        self.age_keys(hours=24)
        self.db.write(lambda tx: idempotency.reserve(
            tx, self.request('new'), 'id'))
        self.assertEqual(3, idempotency.purge(self.db, 10))
        self.assertEqual([self.request('new').id],
                         [row.id for row in self.list_keys()])

    def test_purge_is_bounded(self):
        self.reserve(5)
        self.age_keys(hours=25)
        self.assertEqual([4, 1, 0], [
            idempotency.purge(self.db, 4) for _ in range(3)])
        self.assertEqual([], self.list_keys())
