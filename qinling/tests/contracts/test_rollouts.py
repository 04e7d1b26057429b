# SPDX-License-Identifier: Apache-2.0
"""Tests of several engines that look at rollouts, on every database."""

from oslotest import base as test_base

from qinling.core.rollout import turns
from qinling.tests.contracts import database
from qinling.tests.unit.core.rollout import base

ENGINES = 5


class Together(base.Rollouts):
    """Tests of five engines on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.engines = [turns.Turns(self.core.database.open())
                        for _ in range(ENGINES)]

    def look(self):
        """Let all engines look at the same time."""
        database.run_together(*[engine.run for engine in self.engines])

    def test_each_step_is_taken_once(self):
        self.start()
        for step in (1, 2):
            self.end(1, 6)
            self.end(2, 6)
            self.look()
            # Each execution counts once, and each step follows once.
            self.assertEqual(2 + step, len(self.history()))
        row = self.get()
        self.assertEqual(('succeeded', (2, None)), (row.status, self.alias()))
        errors = row.judgement['errors']['present']
        self.assertEqual((12, 12), (errors['baseline']['count'],
                                    errors['candidate']['count']))

    def test_users_and_engines_at_the_same_time(self):
        self.start()
        self.end(2, 6)
        database.run_together(
            *[engine.run for engine in self.engines],
            lambda: self.core.services.aliases.rollback(self.ctx, 'a'))
        self.look()
        self.assertEqual(('superseded', (1, None)),
                         (self.get().status, self.alias()))


class TestTogetherOnSqlite(Together, test_base.BaseTestCase):
    backend = 'sqlite'


class TestTogetherOnMariadb(Together, test_base.BaseTestCase):
    backend = 'mariadb'


class TestTogetherOnPostgresql(Together, test_base.BaseTestCase):
    backend = 'postgresql'
