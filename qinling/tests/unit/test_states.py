# SPDX-License-Identifier: Apache-2.0
"""Tables of the legal changes of statuses."""

from oslotest import base

from qinling import event_states
from qinling import states

STATUSES = {'Runtime': states.RuntimeStatus, 'Job': states.JobStatus,
            'Execution': states.ExecutionStatus,
            'Build': states.BuildStatus,
            'Rollout': states.RolloutStatus,
            'Operation': states.OperationStatus,
            'EventSource': event_states.EventSourceStatus}
#: noun -> initial status, final statuses.
ENDS = {'Runtime': ('creating', set()),
        'Execution': ('running', {'success', 'failed', 'error',
                                  'cancelled'}),
        'Job': ('running', {'cancelled', 'done'}),
        'Build': ('building', {'ready', 'failed'}),
        'Rollout': ('running', {'succeeded', 'rolled_back', 'aborted',
                                'superseded'}),
        'Operation': ('running', {'done', 'cancelled'}),
        'EventSource': ('running', set())}


class TestStates(base.BaseTestCase):
    def test_changes_use_declared_statuses(self):
        self.assertEqual(set(STATUSES), set(states.MOVES))
        for noun, moves in states.MOVES.items():
            statuses = {status.value for status in STATUSES[noun]}
            self.assertLessEqual(set(moves), statuses)
            for sources in moves.values():
                self.assertLessEqual(set(sources), statuses)
                self.assertEqual(len(sources), len(set(sources)))

    def test_every_status_can_be_reached(self):
        for noun, (first, _) in ENDS.items():
            reached, moves = {first}, states.MOVES[noun]
            for _ in moves:
                reached |= {new for new, sources in moves.items()
                            if reached.intersection(sources)}
            self.assertEqual({status.value for status in STATUSES[noun]},
                             reached)

    def test_final_statuses_do_not_change(self):
        for noun, (_, final) in ENDS.items():
            sources = {old for group in states.MOVES[noun].values()
                       for old in group}
            self.assertEqual(final, {
                status.value for status in STATUSES[noun]} - sources)

    def test_statuses_equal_their_texts(self):
        self.assertEqual('running', states.ExecutionStatus.RUNNING)
        self.assertEqual(('running', 'paused'), states.LIVE_JOBS)
