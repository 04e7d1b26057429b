# SPDX-License-Identifier: Apache-2.0
"""Engines that share event sources, on every database."""

import dataclasses

from oslotest import base

from qinling.core.execution import outcomes
from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling.engine.run import completion
from qinling.states import ExecutionStatus
from qinling.tests.contracts import brokers
from qinling.tests.contracts import test_event_sources
from qinling.tests import databases
from qinling.tests.functional import base as servers


class Leases(test_event_sources.Sources):
    """Engines that share sources, on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.queue = self.useFixture(brokers.Rabbit())
        self.other, self.other_turns, _ = self.open_engine()

    def create_source(self):
        return self.create('rabbitmq', {
            'url': self.queue.url, 'queue': self.queue.name},
            credentials=test_event_sources.CREDENTIALS)

    def test_one_engine_reads_a_source(self):
        id = self.create_source()
        peers = self.turns, self.other_turns
        self.wait(lambda: self.get(id).state == 'connected', *peers)
        for _ in range(5):
            self.turns.run()
            self.other_turns.run()
            self.assertEqual(1, len(self.turns._consumers)
                             + len(self.other_turns._consumers))
        for number in range(5):
            self.queue.send(number)
        self.wait(lambda: len(self.list_executions()) == 5, *peers)

    def test_another_engine_takes_over(self):
        id = self.create_source()
        self.wait(lambda: self.get(id).state == 'connected')
        # The engine dies: its leases end, and its connection closes.
        consumer = self.turns._consumers[id]
        consumer._release = lambda: None
        self.stopped.set()
        consumer.join(databases.PATIENCE)
        self.assertEqual(self.engine.owner, self.get(id).owner)
        self.queue.send(1, message_id='a')
        self.wait(self.list_executions, self.other_turns)
        self.assertEqual(self.other.owner, self.get(id).owner)

    def test_a_late_engine_writes_nothing(self):
        id = self.create_source()
        self.wait(lambda: self.get(id).state == 'connected')
        self.db.write(lambda tx: crud.update_all(
            tx, models.EventSource, {'owner': 'another'},
            models.EventSource.id == id))
        self.queue.send(1, message_id='a')
        consumer = self.turns._consumers[id]
        servers.wait_for(lambda: not consumer.is_alive, 'the end',
                         databases.PATIENCE)
        self.assertEqual([], self.list_executions())
        self.assertEqual('another', self.get(id).owner)
        servers.wait_for(lambda: self.queue.count() == 1, 'the message')

    def test_failed_executions_become_dead_letters(self):
        """Check that the function has to ask for them."""
        self.create_source()
        self.queue.send(1)
        self.wait(lambda: len(self.list_executions()) == 1)
        self.core.services.functions.update(
            self.ctx, self.function.id,
            {'async_policy': {'dead_letters': True}}, None)
        self.queue.send(2)
        self.wait(lambda: len(self.list_executions()) == 2)
        policies = None, {'retries': 0, 'delay': 1, 'max_age': None,
                          'on_failure': None, 'dead_letters': True}
        for row, policy in zip(self.list_executions(), policies):
            target = self.db.read(
                targets.resolve, self.ctx, self.function.id)
            self.assertEqual(policies[1], target.async_policy)
            completion.Completion(
                self.core.conf, self.db, self.engine, None).conclude(
                    row.id, outcomes.Outcome(ExecutionStatus.FAILED, '{}'),
                    dataclasses.replace(target, async_policy=policy))
        letter, = self.list_letters()
        row = self.list_executions()[1]
        self.assertEqual((row.id, row.input, row.group_id), (
            letter.execution_id, letter.payload, letter.source_id))


class TestLeasesSqlite(Leases, base.BaseTestCase):
    backend = 'sqlite'


class TestLeasesPostgresql(Leases, base.BaseTestCase):
    backend = 'postgresql'


class TestLeasesMariadb(Leases, base.BaseTestCase):
    backend = 'mariadb'
