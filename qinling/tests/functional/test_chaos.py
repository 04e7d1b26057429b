# SPDX-License-Identifier: Apache-2.0
"""A short run of the history checker against a cloud with faults."""

import os
import pathlib
import sys

from oslotest import base

DIRECTORY = pathlib.Path(__file__).parents[3] / 'tools' / 'chaos'
SECONDS = 40


class TestChaos(base.BaseTestCase):
    def test_guarantees_hold(self):
        sys.path.insert(0, str(DIRECTORY))
        self.addCleanup(sys.path.remove, str(DIRECTORY))
        import chaos
        import deployment
        cloud = self.useFixture(deployment.Deployment('mariadb'))
        report = chaos.run(cloud, SECONDS, int(
            os.environ.get('QINLING_TEST_SEED', '0')))
        print(report)
        self.assertEqual([], report.violations)
        self.assertEqual([], report.errors)
        # Without requests and faults, the checks would prove nothing.
        self.assertNotEqual([], report.faults)
        for name in ('execute', 'observe', 'read', 'write', 'publish'):
            self.assertGreater(report.counts[f'{name} ok'], 0, name)
