# SPDX-License-Identifier: Apache-2.0
"""Tests of several engines at one replay, on every database."""

import fixtures
from oslotest import base as test_base

from qinling.db import models
from qinling.tests.contracts import database
from qinling.tests.contracts import test_operations
from qinling.tests.unit.core.operation import base
from qinling.tests.unit.core.operation import test_replays

COUNT = 30


class Together(test_replays.Replays):
    """Tests of two engines on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.engines = [self.create_turns(base.Engine(f'e{number}/1'),
                                          self.core.database.open())
                        for number in range(2)]

    def check(self, row, ids):
        """Check that each execution was repeated and compared once."""
        row = self.operations.get(self.ctx, row.id)
        self.assertEqual(('done', len(ids), len(ids), len(ids)), (
            row.status, row.total, row.done, row.different))
        self.assertEqual(sorted(ids), sorted(
            rerun.rerun_of for rerun in self.reruns()))
        self.assertEqual(sorted(ids), sorted(
            result.source_id for result in self.results(row, True)))

    def test_two_engines(self):
        ids = self.record(*range(COUNT))
        row = self.start()
        while self.operations.get(self.ctx, row.id).status == 'running':
            self.change(row.id, ready_at=models.now(), owner=None)
            database.run_together(*[engine.run for engine in self.engines])
            self.end_running(str)
        self.check(row, ids)

    def test_engine_that_dies(self):
        ids = self.record(*range(COUNT))
        row = self.start()
        first, second = self.engines
        for method in ('_write', '_notify'):
            with fixtures.MockPatchObject(
                    first, method, side_effect=test_operations.Killed):
                self.assertRaises(test_operations.Killed, first.run)
        while self.operations.get(self.ctx, row.id).status == 'running':
            self.end_running(str)
            self.change(row.id, ready_at=models.now(),
                        lease_until=models.now())
            second.run()
        self.check(row, ids)

    def test_differences_keep_their_form(self):
        self.record({'ä/~': '\N{GRINNING FACE}'})
        row = self.finish_replay(self.start(), str)
        difference, = self.results(row)[0].differences
        self.assertEqual(['new', 'old', 'path'], sorted(difference))


class TestTogetherOnSqlite(Together, test_base.BaseTestCase):
    backend = 'sqlite'


class TestTogetherOnMariadb(Together, test_base.BaseTestCase):
    backend = 'mariadb'


class TestTogetherOnPostgresql(Together, test_base.BaseTestCase):
    backend = 'postgresql'
