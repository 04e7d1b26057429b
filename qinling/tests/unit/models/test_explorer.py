# SPDX-License-Identifier: Apache-2.0
"""The search finds violations, dead ends and lost locks."""

from oslotest import base

from qinling.tests.models import explorer
from qinling.tests.models import transactions as db


def count_to(limit, **changes):
    """Return a model that counts to ``limit`` by ones and twos."""
    def steps(state):
        for number in (1, 2):
            if state + number <= limit:
                yield f'add {number}', state + number
    values = {'initial': 0, 'steps': steps, 'invariants': (),
              'is_done': lambda state: state == limit, **changes}
    return explorer.Model(**values)


class TestSearch(base.BaseTestCase):
    def test_coverage(self):
        coverage = explorer.explore(count_to(4))
        self.assertEqual((5, 2), (coverage.states, coverage.depth))
        self.assertEqual({'add': 7}, dict(coverage.actions))

    def test_symmetry(self):
        model = count_to(4, key=lambda state: state % 2,
                         is_done=lambda state: True)
        self.assertEqual(2, explorer.explore(model).states)

    def test_shortest_trace(self):
        model = count_to(9, invariants=(
            lambda state: 'too much' if state >= 4 else None,))
        error = self.assertRaises(explorer.Violation, explorer.explore,
                                  model)
        self.assertEqual(('too much', ['add 2', 'add 2']),
                         (error.sentence, error.trace))
        self.assertIn('1. add 2\n  2. add 2\n  State: 4', str(error))

    def test_dead_end(self):
        error = self.assertRaises(
            explorer.Violation, explorer.explore,
            count_to(4, is_done=lambda state: state == 3))
        self.assertEqual(['add 2', 'add 2'], error.trace)

    def test_endless_loop(self):
        def steps(state):
            yield 'turn', (state + 1) % 3
        error = self.assertRaises(
            explorer.Violation, explorer.explore,
            count_to(0, steps=steps, is_done=lambda state: False))
        self.assertEqual('No action leads to an end.', error.sentence)

    def test_limit_of_states(self):
        error = self.assertRaises(AssertionError, explorer.explore,
                                  count_to(10), 5)
        self.assertIn('more than 5 states', str(error))


def increment(access):
    """Return a program that increments a counter."""
    def program():
        value = yield access('n')
        yield db.write(('n',), value + 1)
        yield db.COMMIT
        return 'done'
    return program


class TestTransactions(base.BaseTestCase):
    def explore(self, programs, isolation=db.READ_COMMITTED, rows=(),
                crashes=0):
        """Return the final rows and outcomes of all interleavings."""
        ends = set()

        def collect(state):
            if None not in state.outcomes:
                ends.add((tuple(value for _, value in state.rows),
                          state.outcomes))
        explorer.explore(db.Processes(
            programs, dict(rows or {('n',): 0}), isolation, crashes).model(
                collect))
        return ends

    def test_lost_update(self):
        for access, sums in ((db.lock, {2}), (db.read, {1, 2})):
            ends = self.explore({'a': increment(access),
                                 'b': increment(access)})
            self.assertEqual(sums, {rows[0] for rows, _ in ends})

    def test_crash_rolls_back(self):
        ends = self.explore({'a': increment(db.lock)}, crashes=1)
        self.assertEqual({((0,), (db.CRASHED,)), ((1,), ('done',))}, ends)

    def test_frozen_reads(self):
        def reader():
            first = yield db.read('n')
            second = yield db.read('n')
            latest = yield db.lock('n')
            yield db.COMMIT
            return f'{first}{second}{latest}'
        for isolation, outcomes in (
                (db.READ_COMMITTED, {'000', '001', '011', '111'}),
                (db.REPEATABLE_READ, {'000', '001', '111'})):
            ends = self.explore({'a': reader, 'b': increment(db.lock)},
                                isolation)
            self.assertEqual(outcomes, {values[0] for _, values in ends})

    def test_own_writes_are_visible(self):
        def program():
            yield db.write(('n',), 7)
            inside = yield db.read('n')
            outside = yield db.peek('n')
            number = yield db.count('n')
            yield db.ROLLBACK
            return f'{inside} {outside} {number}'
        self.assertEqual({((0,), ('7 0 1',))}, self.explore({'a': program}))

    def test_unique_keys(self):
        def program():
            if (yield db.insert(('k',), 1)) == db.DUPLICATE:
                return 'duplicate'
            yield db.COMMIT
            return 'inserted'
        ends = self.explore({'a': program, 'b': program})
        self.assertEqual({('duplicate', 'inserted'),
                          ('inserted', 'duplicate')},
                         {outcomes for _, outcomes in ends})

    def test_deadlock(self):
        def program(*names):
            def run():
                for name in names:
                    yield db.lock(name)
                yield db.COMMIT
                return 'done'
            return run
        self.explore({'a': program('x', 'y'), 'b': program('x', 'y')})
        self.assertRaises(
            explorer.Violation, self.explore,
            {'a': program('x', 'y'), 'b': program('y', 'x')})
