# SPDX-License-Identifier: Apache-2.0
"""The checker of histories accepts good histories and rejects bad ones."""

import pathlib
import random
import sys

from oslotest import base

DIRECTORY = pathlib.Path(__file__).parents[4] / 'tools' / 'chaos'
RUNNING = {'id': '1', 'status': 'running', 'result': None}
SUCCESS = {'id': '1', 'status': 'success', 'result': 'r'}
JOB = {'id': 'j', 'first_execution_time': '2030-01-01 00:01:00',
       'next_execution_time': '2030-01-01T00:04:00'}


class ChaosTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        sys.path.insert(0, str(DIRECTORY))
        self.addCleanup(sys.path.remove, str(DIRECTORY))
        import checks
        import history
        import linearizability
        self.checks, self.histories = checks, history
        self.linearizability = linearizability

    def operation(self, kind, start, end, value=None, outcome='ok',
                  subject='t'):
        return self.histories.Operation(kind, subject, start, end, outcome,
                                        value)

    def row(self, id='1', **values):
        return {'id': id, 'status': 'success', 'result': 'r', 'token': 't',
                'output': 't', 'job_id': None, **values}

    def find(self, check, operations=(), rows=(), jobs=()):
        """Return the sentences of a check."""
        return list(check(
            self.histories.History(operations), self.histories.Final(
                {row['id']: row for row in rows}, list(jobs))))

    def check_bad(self, text, *arguments):
        """Check that a single sentence contains a text."""
        sentences = self.find(*arguments)
        self.assertEqual(1, len(sentences), sentences)
        self.assertIn(text, sentences[0])


class TestExecutions(ChaosTest):
    def test_acknowledged(self):
        check = self.checks.check_acknowledged
        operations = [self.operation('execute', 0, 1, RUNNING)]
        self.assertEqual([], self.find(check, operations, [self.row()]))
        self.assertEqual([], self.find(
            check, [self.operation('execute', 0, 1, outcome='unknown')]))
        self.check_bad('is lost', check, operations)
        self.check_bad('does not end', check, operations,
                       [self.row(status='running')])
        self.check_bad('another request', check, operations,
                       [self.row(token='u', output='u')])
        self.check_bad('result of another', check, operations,
                       [self.row(output='u')])

    def test_single_effect(self):
        check = self.checks.check_single_effect
        for outcome in ('ok', 'unknown'):
            self.assertEqual([], self.find(
                check, [self.operation('execute', 0, 1, RUNNING, outcome)],
                [self.row()]))
        self.check_bad('2 executions', check,
                       [self.operation('execute', 0, 1, RUNNING)] * 2,
                       [self.row(), self.row('2')])
        refused = self.operation('execute', 0, 1, outcome='refused')
        self.check_bad('refused, but has run', check, [refused],
                       [self.row()])
        # Another try of the request had an effect.
        self.assertEqual([], self.find(
            check, [refused, self.operation('execute', 2, 3, RUNNING)],
            [self.row()]))

    def test_statuses(self):
        check = self.checks.check_statuses
        run = self.operation('execute', 0, 1, RUNNING)
        end = self.operation('observe', 2, 4, SUCCESS)
        self.assertEqual([], self.find(
            check, [run, end, self.operation('observe', 3, 5, RUNNING),
                    self.operation('observe', 6, 7, SUCCESS)], [self.row()]))
        for value in (RUNNING, dict(SUCCESS, status='error'),
                      dict(SUCCESS, result='s')):
            self.check_bad('and later', check, [
                run, end, self.operation('observe', 5, 6, value)],
                [self.row()])
        self.check_bad('is error at the end', check, [run, end],
                       [self.row(status='error')])


class TestFireTimes(ChaosTest):
    def fired(self, *minutes):
        return self.find(self.checks.check_fire_times, (), [
            self.row(str(place), job_id='j', token=None,
                     scheduled_at=f'2030-01-01T00:0{minute}:00')
            for place, minute in enumerate(minutes)], [JOB])

    def test_fire_times(self):
        self.assertEqual([], self.fired(2, 1, 3))
        for minutes in ((1, 3), (1, 2, 2, 3), (1, 2, 3, 4), ()):
            self.assertIn('Job j fired at', ''.join(self.fired(*minutes)))


class TestVersionsAndQuotas(ChaosTest):
    def publish(self, *operations):
        return self.find(self.checks.check_versions, [
            self.operation('publish', *operation)
            for operation in operations])

    def test_versions(self):
        self.assertEqual([], self.publish((0, 2, 2), (1, 3, 1), (4, 5, 3)))
        self.assertIn('published 2 times',
                      self.publish((0, 2, 1), (1, 3, 1))[0])
        self.assertIn('Version 1 was published after version 2',
                      self.publish((0, 1, 2), (2, 3, 1))[0])

    def test_quota(self):
        check = self.checks.check_quota(1)
        first = self.operation('create', 0, 1, subject='a')
        second = self.operation('create', 2, 5, subject='b')
        self.assertEqual([], self.find(check, [
            first, self.operation('delete', 3, 4, subject='a',
                                  outcome='unknown'), second]))
        self.check_bad('2 jobs existed', check, [first, second])
        self.check_bad('2 jobs listed', check,
                       [self.operation('count', 0, 1, 2)])


class TestLinearizability(ChaosTest):
    def register(self, *accesses):
        """Return the verdict on accesses like ``(0, 1, 'w', 5)``."""
        return self.linearizability.is_linearizable([
            self.linearizability.Access(
                start, end, kind in 'wu', value, kind != 'u')
            for start, end, kind, value in accesses], 0)

    def check_one_changed_read(self, accesses, behind):
        """Check that accesses are accepted, but not with another value.

        :param behind: number of accesses before the changed read.
        """
        self.assertTrue(self.register(*accesses))
        place = next(place for place, access in enumerate(accesses)
                     if access[2] == 'r' and place > behind)
        accesses[place] = (*accesses[place][:3], 4)
        self.assertFalse(self.register(*accesses))

    def test_good_histories(self):
        for accesses in (
                (), [(0, 1, 'r', 0)],
                [(0, 1, 'w', 1), (2, 3, 'r', 1)],
                # A concurrent read sees the old or the new value.
                [(0, 5, 'w', 1), (1, 2, 'r', 0), (3, 4, 'r', 1)],
                [(0, 5, 'w', 1), (0, 5, 'w', 2), (6, 7, 'r', 1)],
                # An unknown write takes effect later, or never.
                [(0, 1, 'u', 1), (2, 3, 'r', 0), (4, 5, 'r', 1)],
                [(0, 1, 'u', 1), (2, 3, 'r', 0)]):
            self.assertTrue(self.register(*accesses), accesses)

    def test_bad_histories(self):
        for accesses in (
                [(0, 1, 'r', 1)],
                [(0, 1, 'w', 1), (2, 3, 'r', 0)],
                # A read goes back behind an earlier read.
                [(0, 5, 'w', 1), (1, 2, 'r', 1), (3, 4, 'r', 0)],
                [(0, 1, 'w', 1), (2, 3, 'w', 2), (4, 5, 'r', 1)],
                # An unknown write takes effect once.
                [(0, 1, 'u', 1), (2, 3, 'r', 1), (4, 5, 'w', 2),
                 (6, 7, 'r', 1)]):
            self.assertFalse(self.register(*accesses), accesses)

    def test_alias(self):
        def find(value):
            return self.find(self.checks.check_aliases, [
                self.operation('write', 0, 1, 1),
                self.operation('write', 2, 3, 2, 'refused'),
                self.operation('read', 2, 3, None, 'unknown'),
                self.operation('read', 4, 5, value)])
        self.assertEqual([], find(1))
        self.assertIn('reads of alias t', find(2)[0])

    def test_random_histories_of_a_register(self):
        """Accept what a register did, and reject one changed read."""
        rng = random.Random(5)
        value, accesses = 0, []
        for moment in range(0, 4000, 10):
            # Each access takes effect at ``moment``.
            times = (moment - rng.randint(0, 40), moment + rng.randint(0, 40))
            if rng.random() < 0.3:
                value = rng.randint(1, 3)
                accesses.append((*times, 'w', value))
            else:
                accesses.append((*times, 'r', value))
        self.check_one_changed_read(accesses, 200)

    def test_long_histories_with_unknown_writes(self):
        rng = random.Random(7)
        value, effects, accesses = 0, [], []
        for moment in range(2500):
            now = moment / 10
            while effects and effects[0][0] <= now:
                value = effects.pop(0)[1]
            times = now - rng.random() / 5, now + rng.random() / 5
            kind = rng.choices('rwu', (70, 25, 5))[0]
            if kind == 'u' and rng.random() < 0.5:
                # Takes effect some seconds after the client has given up.
                effects.append((now + rng.randint(0, 20), rng.randint(1, 3)))
                accesses.append((*times, 'u', effects[-1][1]))
                effects.sort()
            elif kind == 'u':
                accesses.append((*times, 'u', rng.randint(1, 3)))
            else:
                if kind == 'w':
                    value = rng.randint(1, 3)
                accesses.append((*times, kind, value))
        self.check_one_changed_read(accesses, 1500)

    def test_unknown_write_has_no_effect_after_minutes(self):
        self.assertTrue(self.register(
            (0, 1, 'u', 1), (29, 30, 'r', 0), (40, 41, 'r', 1)))
        self.assertFalse(self.register(
            (0, 1, 'u', 1), (38, 39, 'r', 0), (40, 41, 'r', 1)))
        # The write that a read would forbid may come before another read.
        self.assertTrue(self.register(
            (0, 1, 'u', 2), (30, 50, 'r', 2), (40, 60, 'r', 0),
            (30, 55, 'w', 0)))

    def test_too_many_accesses(self):
        self.patch(self.linearizability, 'MAX_STATES', 5)
        self.assertRaises(RuntimeError, self.register, *[
            (0, 9, 'w', number) for number in range(9)], (10, 11, 'r', 99))
