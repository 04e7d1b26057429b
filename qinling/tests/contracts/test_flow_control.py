# SPDX-License-Identifier: Apache-2.0
"""Flow control per key, with several engines, on every database."""

import collections
import datetime
import random

from oslotest import base

from qinling.core.execution import flow_arrivals
from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core.trigger import backfills
from qinling.db import crud
from qinling.db import flow_queries
from qinling.db import models
from qinling import exception
from qinling.states import ExecutionStatus
from qinling.tests.contracts import database
from qinling.tests import fixtures
from qinling.tests import flow_peers

ENGINES, KEYS, EXECUTIONS, LIMIT = 5, 12, 150, 2
SEED, MAX_ROUNDS = 4711, 400
KEY = '$.key'


class Lines:
    """Lines on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(
            self.backend, engine={'max_attempts': 100}))
        self.db = self.core.db
        self.ctx = fixtures.caller()
        self.hall = flow_peers.Hall()
        self.peer = self.create_peer('engine')
        self.core.engine.answers['start'] = self.peer.start

    def create_peer(self, name, **kwargs):
        return flow_peers.Peer(
            self.core.conf, self.core.database.open(), self.hall, name,
            **kwargs)

    def function(self, **settings):
        """Return the id of a function with a flow control."""
        return self.core.function(flow_control=settings).id

    def fire(self, function, key='a', sync=False, **values):
        """Return a new execution."""
        return self.core.services.triggers.fire(
            self.ctx, fixtures.execution_request(
                function, sync=sync, input={'key': key, **values}))

    def row(self, id):
        return self.core.row(models.Execution, id)

    def wait(self, row):
        """Return reason and place of a waiting execution, or ``None``."""
        wait = self.core.services.executions.describe_wait(
            self.core.services.executions.get(self.ctx, row.id)).waiting_for
        return wait and (wait.reason, wait.place)

    def entries(self):
        return self.db.read(lambda tx: crud.count(tx, models.FlowEntry))

    def pass_time(self, seconds):
        """Move all times of the lines into the past."""
        delta = datetime.timedelta(seconds=seconds)

        def move(tx):
            for model, names in (
                    (models.Execution, ('lease_until', 'next_attempt_at')),
                    (models.FlowEntry, ('ready_at', 'first_at',
                                        'started_at'))):
                key, *_ = model.__table__.primary_key.columns
                for row in crud.select(tx, model):
                    crud.update_all(tx, model, {
                        name: getattr(row, name) - delta for name in names
                        if getattr(row, name) is not None} or {
                            key.name: getattr(row, key.name)},
                        key == getattr(row, key.name))
        self.db.write(move)
        self.peer.timers.clear()

    def test_concurrency(self):
        function = self.function(key=KEY, concurrency=1)
        first, second, third = [self.fire(function) for _ in range(3)]
        free = self.fire(function, key='b')
        self.assertEqual([None, ('concurrency', 1), ('concurrency', 2), None],
                         [self.wait(row) for row
                          in (first, second, third, free)])
        self.assertEqual(2, self.core.engine.verbs().count('start'))
        self.peer.turn()
        self.assertEqual('success', self.row(first.id).status)
        self.assertEqual(('concurrency', 1), self.wait(third))
        self.peer.turn()
        self.peer.turn()
        self.assertEqual(['success'] * 4, [
            self.row(row.id).status for row in (first, second, third, free)])
        self.assertEqual([first.id, second.id, third.id],
                         self.hall.order['a'])
        self.assertEqual(0, self.entries())

    def test_synchronous_executions_never_wait(self):
        function = self.function(concurrency=1)
        first = self.fire(function)
        error = self.assertRaises(exception.TooManyExecutions, self.fire,
                                  function, sync=True)
        self.assertEqual(1, error.fields['retry_after'])
        self.assertIn('run the function asynchronously', str(error))
        self.assertEqual(1, self.db.read(
            lambda tx: crud.count(tx, models.Execution)))
        self.peer.turn()
        self.assertEqual('success', self.row(first.id).status)
        self.assertEqual('success', self.fire(function, sync=True).status)

    def test_cancellation_and_deletion_start_the_next(self):
        function = self.function(concurrency=1)
        rows = [self.fire(function) for _ in range(4)]
        self.peer.queue.clear()
        executions = self.core.services.executions
        executions.cancel(self.ctx, rows[1].id)
        self.assertEqual(('concurrency', 1), self.wait(rows[2]))
        executions.cancel(self.ctx, rows[0].id)
        self.assertIsNone(self.wait(rows[2]))
        executions.delete(self.ctx, rows[2].id)
        self.assertIsNone(self.wait(rows[3]))
        # Its lease has ended, so any engine starts the execution.
        self.peer.turn()
        self.peer.turn()
        self.assertEqual('success', self.row(rows[3].id).status)
        self.assertEqual(0, self.entries())

    def test_rate(self):
        function = self.function(rate={'limit': 2, 'period': 60})
        rows = [self.fire(function) for _ in range(5)]
        self.assertEqual([None, None, ('rate', 1), ('rate', 2), ('rate', 3)],
                         [self.wait(row) for row in rows])
        error = self.assertRaises(
            exception.TooManyExecutions, self.fire, function, sync=True)
        self.assertIn(error.fields['retry_after'], range(50, 61))
        self.peer.turn()
        self.assertEqual(2, len(self.hall.order['a']))
        for expected in (4, 5):
            self.pass_time(30)
            self.peer.turn()
            self.assertEqual(expected - (1 if expected == 5 else 2),
                             len(self.hall.order['a']))
            self.pass_time(31)
            self.peer.turn()
            self.peer.turn()
            self.assertEqual(expected, len(self.hall.order['a']))
        self.assertEqual({row.id for row in rows[:2]},
                         set(self.hall.order['a'][:2]))
        self.assertEqual(rows[4].id, self.hall.order['a'][4])

    def test_purge_of_starts(self):
        function = self.function(rate={'limit': 2, 'period': 60})
        self.fire(function)
        self.peer.turn()
        self.assertEqual(1, self.entries())
        now = models.now()
        self.assertEqual(0, self.db.write(
            lambda tx: flow_queries.purge(tx, now - datetime.timedelta(1),
                                          9)))
        self.assertEqual(1, self.db.write(
            lambda tx: flow_queries.purge(tx, models.now(), 9)))
        self.assertEqual(0, self.entries())

    def test_debounce(self):
        function = self.function(debounce={'period': 10, 'max': 15})
        first, second = self.fire(function), self.fire(function)
        third = self.fire(function, key='a')
        self.assertEqual(('debounce', 1), self.wait(third))
        for row in (first, second):
            ended = self.row(row.id)
            self.assertEqual(('cancelled', 'superseded'),
                             (ended.status, ended.reason))
            self.assertIn(flow_arrivals.SUPERSEDED, ended.result)
        self.pass_time(9)
        last = self.fire(function)
        wait = self.core.services.executions.describe_wait(
            self.core.services.executions.get(
                self.ctx, last.id)).waiting_for
        # At most 15 s after the first one, which is 9 s ago.
        self.assertLess((wait.until - models.now()).total_seconds(), 7)
        self.peer.turn()
        self.assertEqual([], self.hall.order['a'])
        self.pass_time(7)
        self.peer.turn()
        self.peer.turn()
        self.assertEqual([last.id], self.hall.order['a'])
        self.assertRaises(exception.Invalid, self.fire, function, sync=True)

    def test_singleton_oldest(self):
        function = self.function(key=KEY, singleton='oldest')
        first, second = self.fire(function), self.fire(function)
        self.assertEqual(('cancelled', 'superseded'),
                         (second.status, second.reason))
        self.assertIn(flow_arrivals.SKIPPED, second.result)
        self.assertEqual('cancelled', self.fire(function, sync=True).status)
        self.assertEqual('running', self.fire(function, key='b').status)
        self.peer.turn()
        self.assertEqual('success', self.row(first.id).status)
        self.assertEqual('success', self.fire(function, sync=True).status)

    def test_singleton_newest(self):
        function = self.function(key=KEY, singleton='newest')
        first = self.fire(function)
        second = self.fire(function)
        self.assertEqual(('cancelled', 'superseded'), (
            self.row(first.id).status, self.row(first.id).reason))
        self.assertIn(('cancel', first.id), self.core.engine.calls)
        self.peer.turn()
        self.assertEqual([second.id], self.hall.order['a'])
        self.assertEqual('success', self.fire(function, sync=True).status)
        self.assertEqual(0, self.entries())

    def test_priority(self):
        function = self.function(concurrency=1, priority='$.priority')
        rows = [self.fire(function, priority=value)
                for value in (0, 0, 'none', 30, 10_000, -5)]
        for _ in rows:
            self.peer.turn()
        self.assertEqual([rows[number].id for number in (0, 4, 3, 1, 2, 5)],
                         self.hall.order['a'])

    def test_batch(self):
        function = self.function(key=KEY, concurrency=1)
        batch = self.core.services.batches.create(self.ctx, [
            fixtures.execution_request(
                function, sync=False, input={'key': key})
            for key in 'abab'])
        self.assertEqual([None, None, ('concurrency', 1), ('concurrency', 1)],
                         [self.wait(row) for row in batch.results])
        for _ in range(3):
            self.peer.turn()
        self.assertEqual({'a': 1, 'b': 1}, self.hall.greatest)
        self.assertEqual(0, self.entries())

    def test_changes_of_the_settings(self):
        function = self.function(concurrency=1)
        rows = [self.fire(function) for _ in range(3)]
        self.peer.queue.clear()
        functions = self.core.services.functions
        functions.update(self.ctx, function, {
            'flow_control': {'concurrency': 2}}, None)
        self.peer.reaper.sweep()
        self.assertEqual([None, None, ('concurrency', 1)],
                         [self.wait(row) for row in rows])
        functions.update(self.ctx, function, {'flow_control': {}}, None)
        self.peer.reaper.sweep()
        self.assertIsNone(self.wait(rows[2]))
        self.assertIsNone(self.fire(function).flow_key)

    def test_deletion_of_the_function(self):
        function = self.function(concurrency=1)
        rows = [self.fire(function) for _ in range(3)]
        self.peer.queue.clear()
        self.core.services.functions.delete(self.ctx, function)
        self.peer.expire_leases()
        for _ in range(3):
            self.peer.turn()
            self.peer.expire_leases()
        self.assertEqual(['error'] * 3,
                         [self.row(row.id).status for row in rows])
        self.assertEqual(0, self.entries())

    def test_alias(self):
        function = self.function(concurrency=5)
        aliases = self.core.services.aliases
        aliases.create(self.ctx, {
            'name': 'live', 'function_id': function,
            'flow_control': {'concurrency': 1}})

        def fire(**values):
            return self.core.services.triggers.fire(
                self.ctx, records.ExecutionRequest(
                    function_alias='live', input={'key': 'a'}, **values))
        rows = [fire(), fire(chosen_version=0), self.fire(function)]
        self.assertEqual([None, ('concurrency', 1), None],
                         [self.wait(row) for row in rows])
        aliases.update(self.ctx, 'live', {'flow_control': {}})
        self.peer.turn()
        self.peer.turn()
        self.assertEqual(['success'] * 3,
                         [self.row(row.id).status for row in rows])
        self.assertEqual(self.fire(function).flow_key, fire().flow_key)

    def test_executions_changed_by_hand(self):
        """Go on after an end that no engine has written."""
        function = self.function(concurrency=1)
        first, second, third = [self.fire(function) for _ in range(3)]
        self.peer.queue.clear()
        self.db.write(lambda tx: crud.delete_all(
            tx, models.Execution,
            models.Execution.id.in_([first.id, second.id])))
        self.db.write(lambda tx: crud.update(
            tx, models.Execution, third.id, {
                'lease_until': models.now(),
                'next_attempt_at': models.now()}))
        self.peer.turn()
        self.peer.turn()
        self.assertEqual('success', self.row(third.id).status)

    def test_retries_keep_their_place(self):
        function = self.core.function(
            flow_control={'concurrency': 1},
            async_policy={'retries': 1}).id
        first, second = self.fire(function), self.fire(function)
        message, target = self.peer.queue.popleft()
        lifecycle.claim(self.db, first.id, 'engine', models.now())
        self.peer.completion.conclude(
            first.id, message.mark(outcomes.Outcome(
                ExecutionStatus.FAILED, '{}')), target)
        self.assertEqual(('running', 1), (
            self.row(first.id).status, self.row(first.id).retry))
        self.assertEqual(('concurrency', 1), self.wait(second))

    def test_backfill(self):
        """Wait for the start of a throttled backfill, and in the line."""
        function = self.function(concurrency=1)
        job = self.core.insert(
            models.Job, function_id=function, pattern='* * * * *', count=9,
            next_execution_time=models.now() - datetime.timedelta(minutes=3),
            status='paused', function_input='{"key": "a"}')
        self.core.services.jobs.update(self.ctx, job, {'status': 'running'})
        self.core.services.fires.backfill(
            self.ctx, job, models.now() - datetime.timedelta(minutes=9),
            models.now(), backfills.Options(interval=60))
        rows = sorted(self.db.read(
            lambda tx: crud.select(tx, models.Execution)),
            key=lambda row: row.scheduled_at)
        self.assertEqual([None, 'start'], [
            wait and wait[0] for wait in map(self.wait, rows[:2])])
        for _ in rows:
            self.peer.turn()
            self.pass_time(61)
        self.peer.turn()
        self.assertEqual(len(rows), len(self.hall.order['a']))
        self.assertEqual(1, self.hall.greatest['a'])

    def test_several_engines_that_die(self):
        """Never exceed the limit, lose nothing, and start in order."""
        randomness = random.Random(SEED)
        function = self.function(key=KEY, concurrency=LIMIT)
        ids = [self.fire(function, key=f'key {randomness.randrange(KEYS)}').id
               for _ in range(EXECUTIONS)]
        engines = [self.create_killed_peer(randomness, number)
                   for number in range(ENGINES)]
        engines[0].queue = self.peer.queue
        for round in range(MAX_ROUNDS):
            database.run_together(*[
                lambda engine=engine: self.turn_or_die(engine)
                for engine in engines])
            for place, engine in enumerate(engines):
                if engine.is_dead:
                    engine.expire_leases()
                    engine.db.close()
                    engines[place] = self.create_killed_peer(
                        randomness, round * ENGINES + place)
            if not self.entries():
                break
        statuses = collections.Counter(self.row(id).status for id in ids)
        self.assertEqual({'success': EXECUTIONS}, statuses)
        self.assertLessEqual(max(self.hall.greatest.values()), LIMIT)

    def create_killed_peer(self, randomness, number):
        """Return an engine that dies at some step."""
        steps = randomness.randrange(20, 120)

        def fate(step):
            nonlocal steps
            steps -= 1
            if steps < 0:
                raise flow_peers.Crash
        peer = self.create_peer(f'engine {number}', fate=fate)
        peer.is_dead = False
        return peer

    def turn_or_die(self, engine):
        try:
            engine.turn()
        except flow_peers.Crash:
            engine.is_dead = True


class TestSqlite(Lines, base.BaseTestCase):
    backend = 'sqlite'


class TestMariadb(Lines, base.BaseTestCase):
    backend = 'mariadb'


class TestPostgresql(Lines, base.BaseTestCase):
    backend = 'postgresql'
