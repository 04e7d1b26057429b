# SPDX-License-Identifier: Apache-2.0
"""Requests that take effect but once."""

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


class OnceTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.db = self.core.db

    def once(self, key='key', content=(b'x',)):
        return idempotency.create_request(key, ('here',), content)

    def keys(self):
        return self.db.read(lambda tx: crud.select(tx, _KEY))

    def age(self, hours):
        """Make all keys older."""
        self.db.write(lambda tx: crud.update_all(tx, _KEY, {
            'created_at': models.now() - datetime.timedelta(hours=hours)}))


class TestNames(base.BaseTestCase):
    def test_what_differs_is_another(self):
        ids = {idempotency.create_request(key, scope).id for key, scope in (
            ('a', ('b',)), ('b', ('a',)), ('ab', ()), ('a', ('b', '')),
            ('a', ()), ('', ('a',)), ('1:a', ()), ('a', ('1:b',)))}
        self.assertEqual(8, len(ids))
        prints = {idempotency.create_request('a', (), content).fingerprint
                  for content in ((), (b'',), (b'a', b'b'), (b'ab',),
                                  (b'b', b'a'), (b'1:a',))}
        self.assertEqual(6, len(prints))

    def test_they_fit_whatever_the_key_is(self):
        for key in ('x', 'x' * 10000, '😀', '\0'):
            made = idempotency.create_request(key, ('😀',), (b'\xff' * 1000,))
            self.assertEqual((64, 64), (len(made.id),
                                        len(made.fingerprint)))


class TestRun(OnceTest):
    def setUp(self):
        super().setUp()
        self.made = []

    def run_once(self, once, fail=None):
        def make():
            id = models.new_id()

            def write(tx):
                idempotency.reserve(tx, once, id)
                if fail:
                    raise fail
            self.db.write(write)
            self.made.append(id)
            return id
        return idempotency.run(self.db, once, make, lambda id: f'again {id}')

    def test_without_a_key(self):
        self.db.read = mock.Mock()
        self.run_once(None)
        self.run_once(None)
        self.assertEqual(2, len(self.made))
        self.db.read.assert_not_called()

    def test_the_first_and_the_second(self):
        first, second = self.once(), self.once()
        id = self.run_once(first)
        self.assertEqual(f'again {id}', self.run_once(second))
        self.assertEqual((False, True), (first.repeated, second.repeated))
        self.assertEqual([id], self.made)

    def test_another_content(self):
        self.run_once(self.once())
        error = self.assertRaises(
            exception.IdempotencyKeyReused, self.run_once,
            self.once(content=(b'y',)))
        self.assertEqual(422, error.http_code)
        self.assertIn('use a new key', str(error))
        self.assertEqual(1, len(self.made))

    def test_what_failed_may_be_tried_again(self):
        self.assertRaises(exception.Invalid, self.run_once, self.once(),
                          exception.Invalid('no'))
        self.assertEqual([], self.keys())
        self.run_once(self.once())
        self.assertEqual(1, len(self.made))

    def test_after_a_day(self):
        first = self.run_once(self.once())
        self.age(hours=23.9)
        self.assertEqual(f'again {first}', self.run_once(self.once()))
        self.age(hours=24)
        self.run_once(self.once(content=(b'y',)))
        self.assertEqual(2, len(self.made))
        self.assertEqual([self.made[1]],
                         [row.resource_id for row in self.keys()])

    def test_a_duplicate_of_another_kind_is_told(self):
        def make():
            raise crud.DuplicateEntry()
        self.assertRaises(crud.DuplicateEntry, idempotency.run, self.db,
                          self.once(), make, None)


class TestExecutions(OnceTest):
    def setUp(self):
        super().setUp()
        self.function = self.core.function().id
        self.ctx = fixtures.caller()

    def create(self, once, sync=True, **values):
        return self.core.services.triggers.fire(
            self.ctx, fixtures.execution_request(
                self.function, sync=sync, **values),
            once)

    def count(self):
        return self.core.row(models.Function, self.function).count

    def test_once(self):
        for sync, verb in ((True, 'run'), (False, 'start')):
            rows = [self.create(self.once(verb), sync=sync)
                    for _ in range(3)]
            self.assertEqual(1, len({row.id for row in rows}))
            self.assertEqual({rows[0].result}, {row.result for row in rows})
            self.assertEqual(1, self.core.engine.verbs().count(verb))
        self.assertEqual(2, self.count())

    def test_what_is_gone_since(self):
        """The first result is still the answer."""
        first = self.create(self.once())
        self.core.services.functions.delete(self.ctx, self.function)
        self.assertEqual(first.id, self.create(self.once()).id)
        self.core.services.executions.delete(self.ctx, first.id)
        self.assertRaises(exception.ExecutionNotFound, self.create,
                          self.once())
        self.assertEqual(['run'], [verb for verb in self.core.engine.verbs()
                                   if verb == 'run'])

    def test_a_refused_one_is_no_first(self):
        self.assertRaises(exception.FunctionVersionNotFound, self.create,
                          self.once(), function_version=7)
        self.assertEqual([], self.keys())
        self.assertFalse(self.create(self.once()).id is None)

    def test_waiting_for_the_first(self):
        begun, go = threading.Event(), threading.Event()

        def run(row, target):
            begun.set()
            self.assertTrue(go.wait(databases.PATIENCE))
            return self.core.succeed(row, target)
        self.core.engine.answers['run'] = run
        found = []
        threads = [threading.Thread(
            target=lambda: found.append(self.create(self.once())))
            for _ in range(2)]
        threads[0].start()
        self.assertTrue(begun.wait(databases.PATIENCE))
        threads[1].start()
        looked = threading.Event()
        get = self.core.services.executions.get
        self.core.services.executions.get = lambda *args: (
            looked.set(), get(*args))[1]
        self.assertTrue(looked.wait(databases.PATIENCE))
        self.assertEqual([], found)
        go.set()
        for thread in threads:
            thread.join(databases.PATIENCE)
        self.assertEqual(['success'] * 2, [row.status for row in found])
        self.assertEqual(found[0].id, found[1].id)
        self.assertEqual(1, self.count())

    def test_nobody_waits_for_what_is_asynchronous(self):
        first = self.create(self.once(), sync=False)
        again = self.create(self.once(), sync=False)
        self.assertEqual((first.id, 'running'), (again.id, again.status))

    def test_waiting_ends(self):
        self.create(self.once(), sync=False)
        self.db.write(lambda tx: crud.update_all(
            tx, models.Execution, {'sync': True}))
        for group, name in (('resource_limits', 'max_timeout'),
                            ('engine', 'queue_timeout'), ('engine', 'lease')):
            self.core.conf.set_override(
                name, {'max_timeout': 1, 'queue_timeout': 1, 'lease': 3}[name],
                group=group)
        clock = iter(range(1000))
        self.useFixture(base.fixtures.MonkeyPatch(
            'qinling.core.execution.executions.time', mock.Mock(
                monotonic=lambda: next(clock))))
        self.assertEqual('running', self.create(self.once()).status)


class TestPurge(OnceTest):
    def fill(self, count):
        self.db.write(lambda tx: [idempotency.reserve(
            tx, self.once(str(number)), 'id') for number in range(count)])

    def test_only_what_is_old(self):
        self.fill(3)
        idempotency.purge(self.db)
        self.assertEqual(3, len(self.keys()))
        self.age(hours=24)
        self.db.write(lambda tx: idempotency.reserve(
            tx, self.once('new'), 'id'))
        idempotency.purge(self.db)
        self.assertEqual([self.once('new').id],
                         [row.id for row in self.keys()])

    def test_in_batches(self):
        self.useFixture(base.fixtures.MonkeyPatch(
            'qinling.core.idempotency.MAX_BATCH_ROWS', 4))
        for count in (0, 3, 4, 5, 8, 11):
            self.fill(count)
            self.age(hours=25)
            writes = mock.Mock(side_effect=self.db.write)
            idempotency.purge(mock.Mock(write=writes))
            self.assertEqual([], self.keys())
            self.assertEqual(count // 4 + 1, writes.call_count)
