# SPDX-License-Identifier: Apache-2.0
"""Seeds of the simulation, in parts for the processes of a test run.

The unit tests run a few seeds, and test the simulation.
"""

from oslotest import base

from qinling.tests.unit.simulation import test_simulation

SEEDS = 500


class Seeds:
    """Tests of the seeds from ``start``."""

    def test_seeds(self):
        code, text = test_simulation.simulate(
            '--start', str(self.start), '--seeds', str(SEEDS),
            '--processes', '1')
        self.assertEqual(0, code, text)
        self.assertIn(f'0 of {SEEDS} seeds failed', text)


class TestFirst(Seeds, base.BaseTestCase):
    start = 0


class TestSecond(Seeds, base.BaseTestCase):
    start = 500


class TestThird(Seeds, base.BaseTestCase):
    start = 1000


class TestFourth(Seeds, base.BaseTestCase):
    start = 1500
