# SPDX-License-Identifier: Apache-2.0
"""The table of legal moves; that the database keeps to it is tested there."""

from oslotest import base

from qinling import states

STATUSES = {'Runtime': states.RuntimeStatus, 'Job': states.JobStatus,
            'Execution': states.ExecutionStatus,
            'Build': states.BuildStatus}
#: noun -> where everything begins, where nothing goes on.
ENDS = {'Runtime': ('creating', set()),
        'Execution': ('running', {'success', 'failed', 'error',
                                  'cancelled'}),
        'Job': ('running', {'cancelled', 'done'}),
        'Build': ('building', {'ready', 'failed'})}


class TestStates(base.BaseTestCase):
    def test_moves_are_between_known_statuses(self):
        self.assertEqual(set(STATUSES), set(states.MOVES))
        for noun, moves in states.MOVES.items():
            known = {each.value for each in STATUSES[noun]}
            self.assertLessEqual(set(moves), known)
            for sources in moves.values():
                self.assertLessEqual(set(sources), known)
                self.assertEqual(len(sources), len(set(sources)))

    def test_every_status_can_be_reached(self):
        for noun, (first, _) in ENDS.items():
            reached, moves = {first}, states.MOVES[noun]
            for _ in moves:
                reached |= {new for new, sources in moves.items()
                            if reached.intersection(sources)}
            self.assertEqual({each.value for each in STATUSES[noun]},
                             reached)

    def test_what_has_ended_stays_so(self):
        for noun, (_, final) in ENDS.items():
            sources = {old for group in states.MOVES[noun].values()
                       for old in group}
            self.assertEqual(final, {
                each.value for each in STATUSES[noun]} - sources)

    def test_a_status_is_its_text(self):
        self.assertEqual('running', states.ExecutionStatus.RUNNING)
        self.assertEqual(('running', 'paused'), states.LIVE_JOBS)
