# SPDX-License-Identifier: Apache-2.0
"""Test case for executions of one function."""

import sys

from oslotest import base

from qinling.tests.unit.runtimes import agents


class ExecutionTest(base.BaseTestCase):
    interpreter = sys.executable

    def start(self, name, entry='main', agent=None, **settings):
        self.agent = self.useFixture(agents.Agent(
            self.interpreter, **(agent or {})))
        self.client = self.agent.loaded(name, entry, **settings)
        return self.client

    def succeeds(self, output, *args, **kwargs):
        result = self.client.execute(*args, **kwargs)
        self.assertEqual(('success', output),
                         (result['status'], result['output']), result['log'])
        return result

    def check_fails(self, part, *args, **kwargs):
        """Check that an execution fails with a sentence containing ``part``,
        and that the worker continues."""
        result = self.client.execute(*args, **kwargs)
        self.assertEqual('failed', result['status'])
        self.assertIn(part, result['output'])
        self.assertIsInstance(result['duration'], float)
        lines = result['log'].splitlines()
        self.assertEqual('Start execution: e', lines[0])
        self.assertEqual('Finished execution: e', lines[-1])
        self.assertEqual(0, self.client.status()['busy'])
        return result

    def log(self, result):
        """Return the log between the first and last line."""
        return result['log'].splitlines()[1:-1]
