# SPDX-License-Identifier: Apache-2.0
"""Models of the protocols hold, and break without any of their guards."""

from oslotest import base

from qinling.tests.models import catalogue
from qinling.tests.models import explorer
from qinling.tests.models import transactions

#: States of a model at most, so that all models take seconds.
MAX_STATES = 30_000
#: Actions that some state of the execution model must allow.
ACTIONS = {
    'cancel', 'claim', 'die', 'drop-second', 'give-up', 'lease-ends',
    'lose-message', 'not-mine', 'not-overdue', 'read-overdue', 'receive',
    'release', 'renew', 'requeue', 'result-too-late', 'retry-later',
    'start-function', 'stop-function', 'succeed'}


class TestModels(base.BaseTestCase):
    def test_models_hold(self):
        for name, (create, _) in catalogue.MODELS.items():
            coverage = explorer.explore(create(), MAX_STATES)
            print(f'{name}: {coverage.states} states')
            # A model without interleavings would prove nothing.
            self.assertGreater(coverage.states, 100, name)
            if name == 'asynchronous execution':
                self.assertEqual(set(), ACTIONS - set(coverage.actions))

    def test_mutants_fail(self):
        for name, (create, guards) in catalogue.MODELS.items():
            self.assertGreaterEqual(len(guards), 2, name)
            for guard in guards:
                error = self.assertRaises(
                    explorer.Violation, explorer.explore,
                    create(**{guard: False}))
                self.assertNotEqual([], error.trace, (name, guard))

    def test_models_at_the_default_level_of_mariadb(self):
        for create in catalogue.FROZEN_MODELS.values():
            explorer.explore(create(transactions.REPEATABLE_READ), MAX_STATES)
        error = self.assertRaises(explorer.Violation, explorer.explore,
                                  catalogue.FROZEN_MUTANT())
        self.assertIn('3 resources of 2', error.sentence)
