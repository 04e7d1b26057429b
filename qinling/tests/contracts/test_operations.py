# SPDX-License-Identifier: Apache-2.0
"""Tests of several engines at one operation, on every database."""

import fixtures
from oslotest import base as test_base

from qinling.core.operation import turns
from qinling.db import models
from qinling.tests.contracts import database
from qinling.tests.unit.core.operation import base

ENGINES, COUNT = 4, 60


class Killed(BaseException):
    """End of a process."""


class Together(base.Operations):
    """Tests of four engines on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(
            turns, 'MAX_BATCH_ROWS', 7))
        self.engines = [base.Engine(f'e{number}/1')
                        for number in range(ENGINES)]
        self.turns_of_all = [
            self.create_turns(engine, self.core.database.open())
            for engine in self.engines]

    def work(self, row):
        """Let all engines work until the end of an operation."""
        def run(engine_turns):
            while self.operations.get(self.ctx, row.id).status == 'running':
                engine_turns.run()
        database.run_together(*[
            lambda engine_turns=engine_turns: run(engine_turns)
            for engine_turns in self.turns_of_all])
        return self.operations.get(self.ctx, row.id)

    def test_each_execution_is_rerun_once(self):
        ids = self.add(COUNT)
        row = self.work(self.create('rerun'))
        self.assertEqual(('done', COUNT), (row.status, row.done))
        reruns = self.reruns()
        self.assertEqual(sorted(ids), sorted(
            row.rerun_of for row in reruns))
        self.assertEqual(
            sorted(row.id for row in reruns),
            sorted(message.id for engine in self.engines
                   for message, _ in engine.started))

    def test_delete_and_cancel_at_the_same_time(self):
        self.add(COUNT, 'running')
        cancel = self.create('cancel', filter={}, all=True)
        delete = self.create('delete', filter={}, all=True)
        self.work(cancel)
        self.work(delete)
        self.assertEqual([], self.rows())
        row = self.operations.get(self.ctx, delete.id)
        self.assertEqual(('done', COUNT), (row.status, row.done))

    def test_engine_that_dies_within_a_batch(self):
        """Check that another engine goes on, and no rerun is lost or doubled.
        """
        ids = self.add(COUNT)
        row = self.create('rerun')
        first, second = self.turns_of_all[:2]
        with fixtures.MockPatchObject(first, '_write', side_effect=Killed):
            self.assertRaises(Killed, first.run)
        self.assertEqual([], self.reruns())
        with fixtures.MockPatchObject(first, '_notify', side_effect=Killed):
            self.assertRaises(Killed, first.run)
        self.assertEqual(7, len(self.reruns()))
        # The lease of the dead engine keeps others away until its end.
        self.assertFalse(second.run())
        self.assertEqual(7, len(self.reruns()))
        self.change(row.id, lease_until=models.now())
        while second.run():
            continue
        self.assertEqual(ids, [row.rerun_of for row in self.reruns()])
        self.assertEqual('done', self.operations.get(
            self.ctx, row.id).status)

    def test_equal_times_and_every_index(self):
        ids = self.add(5)
        same = self.add(20, created_at=self.clock, function_alias='a',
                        function_version=1, reason='timeout',
                        fingerprint='f', job_id='j')
        for selection, expected in (
                ({'function_alias': ['a']}, same),
                ({'fingerprint': ['f'], 'reason': ['timeout']}, same),
                ({'job_id': ['j'], 'status': ['neq:success']}, same),
                ({'function_id': [self.function],
                  'function_version': ['in:0,1']}, [*ids, *same]),
                ({'status': ['in:failed,error'], 'sync': ['true']},
                 [*ids, *same]),
                ({'duration': ['gt:1']}, [])):
            self.assertEqual(len(expected), self.operations.count(
                self.ctx, {'action': 'rerun', 'filter': selection}))
            row = self.finish('rerun', filter=selection)
            self.assertEqual(sorted(expected), sorted(
                rerun.rerun_of for rerun in self.rows(
                    models.Execution.group_id == row.id)))


class TestTogetherOnSqlite(Together, test_base.BaseTestCase):
    backend = 'sqlite'


class TestTogetherOnMariadb(Together, test_base.BaseTestCase):
    backend = 'mariadb'


class TestTogetherOnPostgresql(Together, test_base.BaseTestCase):
    backend = 'postgresql'
