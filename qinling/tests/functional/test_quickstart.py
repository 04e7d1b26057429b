# SPDX-License-Identifier: Apache-2.0
"""Tests of the quick start script."""

import pathlib
import re
import subprocess

import fixtures
from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import environments
from qinling.tests.functional import processes

SCRIPT = environments.CHECKOUT / 'tools' / 'quickstart.sh'


class QuickstartTest(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.state = directory / 'state'
        self.venv = directory / 'venv'

    def quickstart(self, *words, code=0):
        """Run the script, check the exit code, and return the output."""
        ran = subprocess.run(
            [str(SCRIPT), '--state-dir', str(self.state), '--venv',
             str(self.venv), *words], capture_output=True, text=True,
            stdin=subprocess.DEVNULL, env=environments.environment())
        self.assertEqual(code, ran.returncode, ran.stdout + ran.stderr)
        return ran.stdout

    def test_script_runs_a_function_and_cleans_up(self):
        self.useFixture(environments.PackageIndex())
        self.addCleanup(self.quickstart, '--stop')
        printed, url = self.first_run()
        self.paste(printed, url)
        self.second_run(url)
        self.stop()

    def first_run(self):
        printed = self.quickstart('--port', '0')
        for pattern in (r'The server runs now, at http://127\.0\.0\.1:\d+;',
                        'A function is created: greeter',
                        r'package +main\.py, words\.py',
                        r'result +\{"greetings": \{"en": "Hello, Ada!"',
                        r'result +\{"greetings": \{"en": "Hello, Grace!"',
                        'Start execution: .*\n +Greeting Ada\n'
                        ' +Finished execution: ',
                        r'cold +[\d.]+ ms', r'warm +[\d.]+ ms',
                        r'ended +[\d.]+ ms',
                        r'prod +Hello, Ada!  version 1\n\n'
                        r'.*\n +\S+ +Hello, Ada!  version 1\n\n'
                        r'.*\n +\S+ +Good day, Ada!  version 2\n\n'
                        r'.*\n +\S+ +Hello, Ada!  version 1\n',
                        r'qinling function invoke greeter name=you'):
            self.assertIsNotNone(re.search(pattern, printed),
                                 f'{pattern!r} is not in: {printed}')
        self.assertNotIn('\033', printed)
        url = (self.state / 'endpoint').read_text().strip()
        self.assertIn(f' {url}/ui/\n', printed)
        return printed, url

    def paste(self, printed, url):
        """Run the printed commands, except the last, which stops."""
        commands, sign, stop = printed.partition('Next steps')[2].partition(
            '# Stop the server')
        self.assertTrue(sign, printed)
        self.assertIn(f' QINLING_URL={url}\n', commands)
        self.assertIn('quickstart.sh --stop --state-dir ', stop)
        self.assertNotRegex(commands, 'curl|[0-9a-f]{8}-')
        commands = commands.partition('\n')[2]
        directory = self.useFixture(fixtures.TempDir()).path
        for _ in range(2):
            ran = subprocess.run(
                ['bash', '-euxc', commands], cwd=directory, text=True,
                capture_output=True, stdin=subprocess.DEVNULL,
                env=dict(environments.environment(), PATH='/usr/bin:/bin'))
            self.assertEqual(0, ran.returncode, ran.stdout + ran.stderr)
            for text in ('Good day, you!', 'Hello, you!', 'Hello, Ada',
                         '| greeter ', '| success ', '| hello '):
                self.assertIn(text, ran.stdout)

    def second_run(self, url):
        printed = self.quickstart('--port', '0')
        self.assertIn(f'The server runs already, at {url}.', printed)
        self.assertIn('A function is updated: greeter', printed)
        functions = servers.Client(url).get('/v1/functions')['functions']
        self.assertEqual(['greeter', 'hello'],
                         [row['name'] for row in functions])

    def stop(self):
        server = int((self.state / 'quickstart.pid').read_text())
        pids = [server, *processes.descendants(server)]
        self.assertGreater(len(pids), 1)
        self.assertEqual('The server is stopped.\n',
                         self.quickstart('--stop'))
        servers.wait_for(
            lambda: not any(processes.alive(pid) for pid in pids),
            'the end of the server and its workers')
        self.assertFalse((self.state / 'endpoint').exists())
        self.assertIn('No server runs', self.quickstart('--stop'))

    def test_help(self):
        self.assertIn('Usage: tools/quickstart.sh',
                      self.quickstart('--help'))
        self.assertFalse(self.venv.exists())

    def test_unknown_option(self):
        self.quickstart('--nonsense', code=2)
        self.assertFalse(self.venv.exists())
