# SPDX-License-Identifier: Apache-2.0
"""Tests of batches: actions that wait for a write share a transaction."""

import functools
import threading
from unittest import mock

from oslotest import base

from qinling.db import batch_writer
from qinling.db import crud
from qinling.db import models
from qinling.db import prepared
from qinling import exception
from qinling.tests.contracts import database
from qinling.tests import databases


class Fault(Exception):
    """Error of an action in a test."""


def add(name, fault=None):
    """Return an action that writes a runtime, and may fail afterwards."""
    def action(tx):
        crud.insert(tx, models.Runtime, **databases.sample(
            models.Runtime, name=name))
        if fault:
            raise fault
        return name
    return action


def count(id, number=1):
    """Return an action that counts executions of a function."""
    def end(tx, total):
        if not crud.increment(tx, models.Function, 'count', total, id=id):
            raise exception.FunctionNotFound(id=id)
    return lambda tx: batch_writer.defer_increment(tx, id, number, end)


class Batches(database.OnDatabase):
    """Tests of batches on every database."""

    def setUp(self):
        super().setUp()
        self.results = {}

    def gather(self, *actions):
        """Queue actions, run the batch, and return the results in order."""
        blocked, unblock = threading.Event(), threading.Event()

        def block(tx):
            blocked.set()
            unblock.wait(databases.PATIENCE)
        threads = [threading.Thread(
            target=self.db.write, args=(block,), daemon=True,
            kwargs={'batch': True})]
        threads[0].start()
        blocked.wait(databases.PATIENCE)
        for index, action in enumerate(actions):
            threads.append(threading.Thread(
                target=self.submit, args=(index, action), daemon=True))
            threads[-1].start()
            databases.wait_until(
                lambda: len(self.db._batches._queue) == index + 1)
        unblock.set()
        for thread in threads:
            thread.join(databases.PATIENCE)
            self.assertFalse(thread.is_alive())
        return [self.results[index] for index in range(len(actions))]

    def submit(self, place, action):
        try:
            self.results[place] = self.db.write(action, batch=True)
        except BaseException as e:
            self.results[place] = e

    def names(self):
        return sorted(row.name for row in self.db.read(
            lambda tx: crud.select(tx, models.Runtime)))

    def record_calls(self, module, name):
        """Record the arguments of the calls of a function."""
        calls = []
        function = getattr(module, name)

        def record(*args):
            calls.append(args)
            return function(*args)
        patcher = mock.patch.object(module, name, record)
        patcher.start()
        self.addCleanup(patcher.stop)
        return calls

    def read_count(self, id):
        return self.get(models.Function, id).count

    def test_batches_share_a_commit(self):
        commits = self.record_calls(batch_writer, 'run_writes')
        self.assertEqual(
            ['a', 'b', 'c'], self.gather(add('a'), add('b'), add('c')))
        self.assertEqual(2, len(commits))
        self.assertEqual(['a', 'b', 'c'], self.names())

    def test_faults_do_not_affect_other_actions(self):
        faults = Fault('first'), SystemExit('second')
        self.assertEqual(
            ['a', faults[0], 'c', faults[1], 'e'],
            self.gather(add('a'), add('b', faults[0]), add('c'),
                        add('d', faults[1]), add('e')))
        self.assertEqual(['a', 'c', 'e'], self.names())

    def test_database_faults_do_not_affect_other_actions(self):
        def insert_twice(tx):
            for _ in range(2):
                crud.insert(tx, models.Runtime, **databases.sample(
                    models.Runtime, id='x'))
        results = self.gather(add('a'), insert_twice, add('c'))
        self.assertIsInstance(results[1], crud.DuplicateEntry)
        self.assertEqual(['a', 'c'], self.names())

    def test_a_lost_database_fails_the_batch_at_once(self):
        tries = []

        def action(tx):
            tries.append(1)
            raise exception.Unavailable(reason='it is gone')
        results = self.gather(action, add('a'), action)
        self.assertEqual([exception.Unavailable] * 3, [
            type(result) for result in results])
        self.assertEqual(([1], []), (tries, self.names()))

    def test_rolled_back_rows_are_read_again(self):
        def insert_and_count(tx):
            add('counted')(tx)
            return crud.count(tx, models.Runtime)
        results = self.gather(add('a', Fault('it')), insert_and_count)
        self.assertEqual(1, results[1])

    def test_increments_of_a_row_are_combined(self):
        first, second = (self.insert(models.Function) for _ in range(2))
        statements = self.record_calls(prepared, '_execute')
        self.gather(count(first), count(second, 2), count(first, 3),
                    count(second, -2))
        self.assertEqual((4, 0),
                         (self.read_count(first), self.read_count(second)))
        self.assertEqual(1, sum(
            'UPDATE' in form.sql for _, form, _ in statements))

    def test_failed_increments_do_not_affect_other_actions(self):
        id = self.insert(models.Function)
        results = self.gather(count(id), count('none'), count(id), add('a'))
        self.assertIsInstance(results.pop(1), exception.FunctionNotFound)
        self.assertEqual([None, None, 'a'], results)
        self.assertEqual(2, self.read_count(id))

    def test_increments_roll_back_with_their_action(self):
        id = self.insert(models.Function)

        def action(tx):
            count(id, 5)(tx)
            raise Fault('mine')
        for together in (False, True):
            self.assertRaises(Fault, functools.partial(
                self.db.write, action, batch=together))
            self.db.write(add(f'after {together}'), batch=together)
        self.assertEqual(0, self.read_count(id))


class TestBatchesOnSqlite(Batches, base.BaseTestCase):
    backend = 'sqlite'


class TestBatchesOnPostgresql(Batches, base.BaseTestCase):
    backend = 'postgresql'


class TestBatchesOnMariadb(Batches, base.BaseTestCase):
    backend = 'mariadb'
