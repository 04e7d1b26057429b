# SPDX-License-Identifier: Apache-2.0
"""Commands that explain, and budgets."""

from qinling.tests.functional import shells


class TestExplanations(shells.Case):
    def test_dry_runs(self):
        run = self.shell.run
        self.assertIn('The current code becomes version 1.', run(
            'function version create', 'greeter', '--dry-run'))
        self.assertIn('greeter, the current code', run(
            'function execution create', '--function', 'greeter',
            '--dry-run'))
        self.assertIn('Alias prod runs the current code.', run(
            'function alias create', 'prod', '--function', 'greeter',
            '--dry-run'))
        for noun in ('function version list greeter', 'function alias list',
                     'function execution list'):
            self.assertEqual([], self.shell.json(noun))

    def test_description(self):
        out = self.shell.run('function describe', 'greeter')
        self.assertIn('It can run.', out)
        self.assertIn('main.main on python3', out)
        self.shell.run('function quota set', 'default',
                       '--concurrent-executions', 0)
        self.addCleanup(self.shell.run, 'function quota delete', 'default')
        self.assertIn('It cannot run: Quota exceeded', self.shell.run(
            'function describe', 'greeter', code=1))


class TestFires(shells.Case):
    def test_fires(self):
        self.shell.run('job create', '--name', 'daily', '--function',
                       'greeter', '--pattern', '@daily')
        row, = self.shell.json('job fire list', 'daily')
        self.assertEqual('planned', row['Status'])
        self.assertIn('missed no fire time', self.shell.fails(
            'job backfill', 'daily', '--since', '24h', '--dry-run',
            code=0))
        self.assertIn('interval needs the overlap policy allow',
                      self.shell.fails(
                          'job backfill', 'daily', '--since', '24h',
                          '--overlap', 'skip', '--interval', '30s'))
        self.shell.run('job delete', 'daily')


class TestBudgets(shells.Case):
    def test_budgets(self):
        """Check the answers of a server without prices."""
        self.assertIn('Executions have no price', self.shell.fails(
            'function budget set', 'default', '--amount', 5))
        for words in (['function budget show'],
                      ['function budget delete', 'default']):
            self.assertIn('Project default has no budget',
                          self.shell.fails(*words))


class TestDoctor(shells.Case):
    def test_doctor(self):
        text = self.shell.run('function doctor')
        self.assertIn('ok       clock      Server and this machine agree.',
                      text)
        self.assertIn('free workers of', text)
        self.assertIn('No problem was found.', self.shell.errors)
