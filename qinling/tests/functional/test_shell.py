#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""Every command of ``qinling``, as a process, on a real server."""

from importlib import metadata
import io
import json
import os
import pathlib
import pty
import subprocess
import termios
import zipfile

import fixtures
from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import terminal

GROUP = 'openstack.function_engine.v1'
CODE = """\
import time


def main(name='world', times=1, **kwargs):
    print('Greeting', name)
    if name == 'nobody':
        raise ValueError('there is nobody')
    if name == 'slow':
        time.sleep(2)
    if name == 'never':
        time.sleep(60)
    return {'greetings': ['Hello, ' + name] * times}


def text(name='world'):
    return 'Grüße, ' + name
"""


class Case(servers.Shared, base.BaseTestCase):
    """One part of the commands."""

    #: Those that the tests must have run, together.
    COMMANDS = ()
    make_server = servers.Standalone

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        place = fixtures.TempDir()
        place.setUp()
        cls.addClassCleanup(place.cleanUp)
        cls.directory = pathlib.Path(place.path)
        (cls.directory / 'main.py').write_text(CODE)
        cls.shell = terminal.Terminal(
            terminal.BIN / 'qinling', cls.directory,
            QINLING_URL=cls.client.url, PYTHONUTF8='1')
        cls.function = cls.shell.value(
            'id', 'function create', '--name', 'greeter', '--runtime',
            'python3', '--file', 'main.py', '--timeout', 70)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        missing = set(cls.COMMANDS) - cls.shell.used
        assert not missing, missing

    def running(self, *words):
        """The id of an execution that goes on for long."""
        return self.shell.value(
            'id', 'function execution create', '--function', 'greeter',
            '--async', '--input', '{"name": "never"}', *words)


class TestRuntimes(Case):
    COMMANDS = ('runtime list', 'runtime create', 'runtime show',
                'runtime update', 'runtime pool show', 'runtime delete')

    def test_runtimes(self):
        row, = self.shell.json('runtime list', '--sort', 'name:desc',
                               '--limit', 1, '--long')
        self.assertEqual(('python3', None),
                         (row['Name'], row['Status_reason']))
        row = self.shell.json('runtime create', 'python3', '--name', 'spare',
                              '--private', '--wait')
        self.assertEqual(('available', False),
                         (row['status'], row['is_public']))
        self.assertEqual('more', self.shell.value(
            'description', 'runtime update', 'spare', '--description',
            'more'))
        self.assertEqual(row['id'], self.shell.value(
            'id', 'runtime show', 'spare'))
        pool = self.shell.json('runtime pool show', 'spare')
        self.assertEqual({'total', 'available'}, set(pool['capacity']))
        self.assertIn('accepted', self.shell.run('runtime delete', 'spare'))

    def test_what_does_not_become_available(self):
        error = self.shell.fails('runtime create', 'cobol', '--wait')
        self.assertIn('is error: ', error)
        self.assertIn('cobol', error)


class TestFunctions(Case):
    COMMANDS = (
        'function list', 'function create', 'function show',
        'function update', 'function delete', 'function download',
        'function reference list', 'function worker list',
        'function scaleup', 'function scaledown', 'function detach')

    def test_directory(self):
        tree = self.directory / 'tree'
        (tree / 'inner').mkdir(parents=True)
        (tree / 'main.py').write_text(CODE)
        (tree / 'inner' / 'kept.txt').write_text('kept')
        (tree / 'inner' / 'secret.txt').write_text('secret')
        (tree / '.qinlingignore').write_text('secret.*\n')
        self.shell.run('function create', '--name', 'tree', '--runtime',
                       'python3', '--file', 'tree')
        self.shell.run('function download', 'tree', '-o', 'tree.zip')
        with zipfile.ZipFile(self.directory / 'tree.zip') as archive:
            self.assertEqual(['inner/kept.txt', 'main.py'],
                             sorted(archive.namelist()))
        error = self.shell.fails('function update', 'tree', '--file', 'tree',
                                 'main.py')
        self.assertIn('a directory makes a package alone', error)
        self.shell.run('function update', 'tree', '--package', 'tree.zip')

    def test_mistakes(self):
        for words, sentence in (
                (('--file', 'main.py'), 'Runtime needs to be specified'),
                (('--runtime', 'python3'), 'Must provide required'),
                (('--runtime', 'pascal', '--file', 'main.py'),
                 'Runtime not found [name=pascal] (HTTP 404)'),
                (('--runtime', 'python3', '--file', 'no.py'), 'no.py'),
                (('--runtime', 'python3', '--package', 'main.py'),
                 'not a valid ZIP file'),
                (('--runtime', 'python3', '--container', 'c'),
                 'object name need to be specified'),
                (('--runtime', 'python3', '--container', 'c', '--object',
                  'o'), 'Invalid code source'),
                (('--image', 'busybox'), 'Invalid code source')):
            self.assertIn(sentence,
                          self.shell.fails('function create', *words))

    def test_changes(self):
        etag = self.shell.value('etag', 'function show', 'greeter')
        self.shell.run('function update', 'greeter', '--description', 'new',
                       '--if-match', etag)
        error = self.shell.fails('function update', self.function,
                                 '--description', 'newer', '--if-match', etag)
        self.assertIn('(HTTP 412)', error)
        self.assertIn('new', self.shell.run('function list', '--long'))
        self.assertEqual([], self.shell.json('function reference list',
                                             'greeter'))

    def test_deletion_goes_on(self):
        for name in ('one', 'two'):
            self.shell.run('function create', '--name', name, '--runtime',
                           'python3', '--file', 'main.py')
        error = self.shell.fails('function delete', 'one', 'three', 'two')
        self.assertIn('Function not found [name=three] (HTTP 404)', error)
        self.assertIn('Unable to delete the specified function(s).', error)
        self.assertEqual('', self.shell.run(
            'function list', '-f', 'value', '--sort', 'name', '--filter',
            'project_id=elsewhere'))
        names = [row['Name'] for row in self.shell.json('function list')]
        self.assertNotIn('one', names)
        self.assertNotIn('two', names)

    def test_names_that_are_not_unique(self):
        ids = [self.shell.value('id', 'function create', '--name', 'twin',
                                '--runtime', 'python3', '--file', 'main.py')
               for _ in range(2)]
        error = self.shell.fails('function show', 'twin')
        for id in ids:
            self.assertIn(id, error)

    def test_workers(self):
        self.shell.run('function scaleup', 'greeter', '--count', 2)
        servers.wait_for(lambda: len(self.shell.json(
            'function worker list', 'greeter')) >= 2, 'two workers')
        self.shell.run('function scaledown', 'greeter')
        self.assertIn('Request to detach function greeter has been accepted',
                      self.shell.run('function detach', 'greeter'))
        self.shell.fails('function scaleup', 'greeter', '--count', 0, code=2)

    def test_progress_is_for_terminals(self):
        words = ['function', 'update', 'greeter', '--file', 'main.py']
        self.shell.run(' '.join(words))
        self.assertEqual('', self.shell.errors)
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        with os.fdopen(ours, 'rb') as seen:
            ran = subprocess.run(
                [*self.shell.words, *words], env=self.shell.environ,
                cwd=self.directory, stdin=subprocess.DEVNULL, stderr=theirs,
                stdout=subprocess.DEVNULL)
            self.assertEqual(0, ran.returncode)
            self.assertIn(b'Uploading', seen.read1())
            os.close(theirs)


class TestVersions(Case):
    COMMANDS = tuple(f'function version {verb}' for verb in (
        'list', 'create', 'show', 'update', 'delete', 'download',
        'reference list', 'scaleup', 'scaledown', 'detach'))

    def test_versions(self):
        run = self.shell.run
        run('function version create', 'greeter', '--description', 'first')
        run('function version create', self.function)
        self.assertEqual([2, 1], [row['Version_number'] for row in (
            self.shell.json('function version list', 'greeter', '--sort',
                            'version_number:desc'))])
        self.assertEqual('better', self.shell.value(
            'description', 'function version update', 'greeter', 1,
            '--description', 'better'))
        row = self.shell.json('function version show', 'greeter', 1)
        self.assertEqual(('better', 'main.main', '"2"'),
                         (row['description'], row['entry'], row['etag']))
        text = run('function version download', 'greeter', 1)
        name = f'{self.function}_1.zip'
        self.assertIn(name, text)
        self.assertTrue(zipfile.is_zipfile(self.directory / name))
        self.assertEqual([], self.shell.json(
            'function version reference list', 'greeter', 1))
        run('function version scaleup', 'greeter', 1, '--count', 2)
        servers.wait_for(lambda: self.shell.json(
            'function worker list', 'greeter', '--function-version', 1),
            'workers of the version')
        run('function version scaledown', 'greeter', 1)
        run('function version detach', 'greeter', 1)
        self.assertEqual('', run('function version delete', 'greeter', 1))
        self.assertIn('FunctionVersion not found', self.shell.fails(
            'function version show', 'greeter', 1))

    def test_download_to_a_pipe(self):
        id = self.shell.value('id', 'function create', '--runtime', 'python3',
                              '--file', 'main.py')
        self.shell.run('function version create', id)
        ran = subprocess.run(
            [*self.shell.words, 'function', 'version', 'download', id, '1',
             '-o', '-'], env=self.shell.environ, capture_output=True)
        with zipfile.ZipFile(io.BytesIO(ran.stdout)) as archive:
            self.assertEqual(CODE, archive.read('main.py').decode())


class TestAliases(Case):
    COMMANDS = tuple(f'function alias {verb}' for verb in (
        'list', 'create', 'show', 'update', 'delete', 'history', 'rollback',
        'reference list'))

    def test_aliases(self):
        run, json_ = self.shell.run, self.shell.json
        for _ in range(2):
            run('function version create', 'greeter')
        row = json_('function alias create', 'prod', '--function', 'greeter',
                    '--weight', '1=0.5', '--weight', '2=0.5')
        self.assertEqual({'1': 0.5, '2': 0.5}, row['routing'])
        row = json_('function alias update', 'prod', '--no-weights')
        self.assertIsNone(row['routing'])
        row = json_('function alias update', 'prod', '--function-version', 2)
        self.assertEqual(2, row['function_version'])
        row = json_('function alias rollback', 'prod')
        self.assertEqual(0, row['function_version'])
        history = json_('function alias history', 'prod')
        self.assertEqual([4, 3, 2, 1], [row['Revision'] for row in history])
        row = json_('function alias rollback', 'prod', '--revision', 1)
        self.assertEqual({'1': 0.5, '2': 0.5}, row['routing'])
        self.assertEqual(row['id'], json_(
            'function alias list', '--long')[0]['Id'])
        self.assertEqual([], json_('function alias reference list', 'prod'))
        self.assertEqual('prod', self.shell.value(
            'id', 'function reference list', 'greeter'))
        self.check_invocation()
        etag = self.shell.value('etag', 'function alias show', 'prod')
        run('function alias delete', 'prod', '--if-match', etag)
        for words in (('--weight', '1'), ('--weight', 'one=1')):
            self.assertIn('write VERSION=WEIGHT', self.shell.fails(
                'function alias create', 'other', '--function', 'greeter',
                *words))

    def check_invocation(self):
        """Who invokes a function by an alias gets that function."""
        self.assertIn('Hello, Ada', self.shell.run(
            'function invoke', 'greeter', '--alias', 'prod', 'name=Ada',
            '--routing-key', 'me'))
        other = self.shell.value(
            'id', 'function create', '--name', 'other', '--runtime',
            'python3', '--file', 'main.py')
        error = self.shell.fails('function invoke', 'other', '--alias',
                                 'prod')
        self.assertIn(f'points at function {self.function}, not at other',
                      error)
        self.shell.run('function delete', other)


class TestExecutions(Case):
    COMMANDS = ('function execution create', 'function execution list',
                'function execution show', 'function execution log show',
                'function execution delete', 'function invoke')

    def test_invoke(self):
        self.assertEqual(
            {'greetings': ['Hello, Ada', 'Hello, Ada']},
            json.loads(self.shell.run('function invoke', 'greeter',
                                      'name=Ada', 'times:=2')))
        error = self.shell.fails('function invoke', 'greeter', '--show-log',
                                 'name=nobody')
        self.assertIn('Traceback', error)
        self.assertEqual('there is nobody', error.splitlines()[-1])
        id = self.shell.value(
            'id', 'function create', '--name', 'text', '--runtime', 'python3',
            '--file', 'main.py', '--entry', 'main.text')
        (self.directory / 'input').write_text('{"name": "Bär"}', 'utf-8')
        self.assertEqual('Grüße, Bär\n', self.shell.run(
            'function invoke', id, '--input', '@input'))
        self.assertEqual('Grüße, Ada\n', self.shell.run(
            'function invoke', 'text', '--input', '-', stdin='Ada'))
        self.assertIn('No such file', self.shell.fails(
            'function invoke', 'text', '--input', '@nothing'))
        self.assertIn('not both', self.shell.fails(
            'function invoke', 'text', 'name=a', '--input', '{}'))
        self.assertIn('there must be JSON', self.shell.fails(
            'function invoke', 'text', 'name:=a'))
        id = self.shell.run('function invoke', 'text', '--async').strip()
        self.assertEqual('success', self.client.ended(id)['status'])

    def test_executions(self):
        words = ('function execution create', '--function', 'greeter',
                 '--async', '--description', 'mine')
        row = self.shell.json(*words, '--wait')
        self.assertEqual(('success', False), (row['status'], row['sync']))
        error = self.shell.fails(*words, '--wait', '--input',
                                 '{"name": "nobody"}')
        self.assertIn('ended with status failed', error)
        # Without --wait it is no failure that the function failed.
        self.assertEqual('failed', self.shell.value(
            'status', 'function execution create', '--function', 'greeter',
            '--input', '{"name": "nobody"}'))
        self.assertIn('Say what shall run', self.shell.fails(
            'function execution create'))
        self.assertEqual(2, len(self.shell.json(
            'function execution list', '--function', 'greeter', '--filter',
            'description=mine')))
        id = row['id']
        self.assertEqual('mine', self.shell.value(
            'description', 'function execution show', id))
        for words in ((), ('--follow',)):
            self.assertIn('Greeting world\n', self.shell.run(
                'function execution log show', id, *words))
        self.shell.run('function execution delete', id)
        self.shell.run('function execution delete', '--function', 'greeter')
        self.assertIn('Say what to delete', self.shell.fails(
            'function execution delete'))

    def test_follow(self):
        id = self.shell.value(
            'id', 'function execution create', '--function', 'greeter',
            '--async', '--input', '{"name": "slow"}')
        text = self.shell.run('function execution log show', '--follow', id)
        self.assertEqual(1, text.count('Greeting slow\n'))
        self.assertEqual('success', self.client.get(
            f'/v1/executions/{id}')['status'])

    def test_pages(self):
        for _ in range(3):
            self.shell.run('function invoke', 'greeter')
        self.assertEqual(3, len(self.shell.json(
            'function execution list', '--limit', 3)))
        first, second = self.shell.json('function execution list', '--limit',
                                        2)
        self.assertEqual(second['Id'], self.shell.value(
            'Id', 'function execution list', '--limit', 1, '--marker',
            first['Id']))


class TestCancellation(Case):
    COMMANDS = ('function execution cancel', 'function execution rerun')

    def test_cancel_and_rerun(self):
        id = self.running()
        self.shell.run('function execution cancel', id)
        self.assertEqual('cancelled', self.client.ended(id)['status'])
        id = self.shell.value('id', 'function execution create', '--function',
                              'greeter', '--idempotency-key', 'one')
        self.assertIn('Unable to cancel', self.shell.fails(
            'function execution cancel', id))
        row = self.shell.json('function execution rerun', id, '--async',
                              '--wait')
        self.assertEqual(('success', id), (row['status'], row['rerun_of']))
        row = self.shell.json('function execution rerun', id,
                              '--function-version', 'current')
        self.assertEqual('success', row['status'])


class TestJobs(Case):
    COMMANDS = ('job create', 'job list', 'job show', 'job update',
                'job next list', 'job delete')

    def test_jobs(self):
        row = self.shell.json(
            'job create', '--function', 'greeter', '--name', 'nightly',
            '--pattern', '0 3 * * *', '--timezone', 'Europe/Berlin',
            '--misfire', 'skip', '--count', 3, '--function-input',
            '{"name": "Ada"}')
        self.assertEqual((3, '{"name": "Ada"}'),
                         (row['count'], row['function_input']))
        self.assertEqual('Europe/Berlin', self.shell.json(
            'job list', '--long')[0]['Timezone'])
        self.assertEqual(2, len(self.shell.json(
            'job next list', 'nightly', '--count', 2)))
        self.assertEqual('paused', self.shell.value(
            'status', 'job update', 'nightly', '--status', 'paused'))
        self.assertEqual(row['id'], self.shell.value(
            'id', 'job show', 'nightly'))
        self.assertEqual([], self.shell.json(
            'function execution list', '--job', 'nightly'))
        self.shell.run('job delete', 'nightly')


class TestWebhooks(Case):
    COMMANDS = ('webhook create', 'webhook list', 'webhook show',
                'webhook update', 'webhook delete', 'webhook invoke',
                'webhook secret rotate', 'webhook secret delete')

    def test_webhooks(self):
        run, json_ = self.shell.run, self.shell.json
        row = json_('webhook create', '--function', 'greeter',
                    '--description', 'outside')
        answer = json_('webhook invoke', 'outside', 'name=Ada', '--wait')
        self.assertEqual(202, answer['status_code'])
        self.assertIn('Ada', run('function execution log show',
                                 answer['execution_id']))
        self.assertIn('ended with status failed', self.shell.fails(
            'webhook invoke', 'outside', '--input', '{"name": "nobody"}',
            '--wait'))
        self.assertEqual(True, json_('webhook update', 'outside',
                                     '--sync')['sync'])
        answer = json_('webhook invoke', row['id'], 'name=Ada')
        self.assertIn('Hello, Ada', answer['output'])
        self.assertIn('(HTTP 502)', self.shell.fails(
            'webhook invoke', 'outside', 'name=nobody'))
        self.assertIn('must be a JSON object', self.shell.fails(
            'webhook invoke', 'outside', '--input', '[]'))
        self.check_secrets()
        self.assertEqual([row['id']],
                         [row['Id'] for row in json_('webhook list')])
        run('webhook delete', 'outside')

    def check_secrets(self):
        (self.directory / 'secret').write_text('a secret of the sender\n')
        row = self.shell.json(
            'webhook secret rotate', 'outside', '--signature', 'github',
            '--secret', '@secret')
        self.assertEqual('a secret of the sender', row['secret'])
        self.assertNotIn('secret', self.shell.json('webhook show', 'outside'))
        self.assertIn('(HTTP 401)', self.shell.fails(
            'webhook invoke', 'outside'))
        self.shell.run('webhook secret delete', 'outside')
        self.shell.run('webhook invoke', 'outside')
        text = self.shell.run('webhook secret rotate', 'outside',
                              '--signature', 'github', '--debug')
        secret = text.split('| secret')[1].split('|')[1].strip()
        self.assertNotIn(secret, self.shell.errors)
        self.shell.run('webhook secret delete', 'outside')


class TestAll(Case):
    COMMANDS = ('complete', 'help')

    def test_all_commands(self):
        """What is above is all that there is."""
        installed = {found.name.replace('_', ' ')
                     for found in metadata.entry_points(group=GROUP)}
        self.assertEqual(installed | {'complete', 'help'}, {
            command for case in Case.__subclasses__()
            for command in case.COMMANDS})

    def test_formats(self):
        for form, expected in (
                ('json', '"Name": "greeter"'), ('yaml', 'Name: greeter'),
                ('value', 'greeter\n'), ('table', '| greeter |'),
                ('csv', '"greeter"')):
            self.assertIn(expected, self.shell.run(
                'function list', '-f', form, '-c', 'Name'))
        self.assertIn('name="greeter"', self.shell.run(
            'function show', 'greeter', '-f', 'shell'))

    def test_help(self):
        self.assertIn('function alias rollback', self.shell.run('help'))
        self.assertIn('--show-log', self.shell.run('help', 'function',
                                                   'invoke'))
        self.assertIn('--show-log', self.shell.run('function invoke',
                                                   '--help'))
        self.shell.fails('function reticulate', code=2)

    def test_completion(self):
        script = self.shell.run('complete')
        self.assertIn('rollback', script)
        checked = subprocess.run(['bash', '-n'], input=script.encode(),
                                 capture_output=True)
        self.assertEqual((0, b''), (checked.returncode, checked.stderr))

    def test_many_commands_in_one_process(self):
        text = self.shell.run('', stdin='runtime list -f value -c Name\n')
        self.assertIn('python3', text)
        text = self.shell.run('', stdin='function list -f value -c Name\n'
                              'function show nothing\n'
                              'runtime list -f value -c Name\n', code=1)
        self.assertIn('greeter', text)
        self.assertIn('python3', text)
        self.assertIn('Function not found [name=nothing]', self.shell.errors)

    def test_nobody_there(self):
        error = self.shell.fails('--qinling-url http://127.0.0.1:1 '
                                 'runtime list')
        self.assertEqual(
            'No answer from http://127.0.0.1:1/v1/runtimes: Connection '
            'refused. Is the server running there?\n', error)
