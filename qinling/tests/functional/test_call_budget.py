# SPDX-License-Identifier: Apache-2.0
"""Tests of the cost of an execution, in calls instead of seconds."""

import pathlib
import subprocess
import sys

from oslotest import base

from qinling.tests import databases

PROGRAM = (pathlib.Path(__file__).parents[3] / 'tools' / 'bench' / 'calls.py')


class TestCallBudget(base.BaseTestCase):
    def test_execution_stays_within_the_budget(self):
        for options in ([], ['--direct'], ['--password'], ['--webhook']):
            result = subprocess.run(
                [sys.executable, PROGRAM, *options], capture_output=True,
                text=True, timeout=databases.PATIENCE)
            self.assertEqual(0, result.returncode,
                             result.stdout + result.stderr)

    def test_passed_budget_is_noticed(self):
        result = subprocess.run(
            [sys.executable, PROGRAM, '--max', '100'], capture_output=True,
            text=True, timeout=databases.PATIENCE)
        self.assertEqual(1, result.returncode, result.stdout + result.stderr)
        self.assertIn('calls per execution', result.stdout)
