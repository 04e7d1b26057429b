# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands for runtimes, functions, versions and aliases."""

import io
import os
import pty
import subprocess
import termios
import zipfile

from qinling.tests.functional import base as servers
from qinling.tests.functional import shells


class TestRuntimes(shells.Case):
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

    def test_failed_runtime(self):
        error = self.shell.fails('runtime create', 'cobol', '--wait')
        self.assertIn('is error: ', error)
        self.assertIn('cobol', error)


class TestFunctions(shells.Case):
    def test_directory(self):
        tree = self.directory / 'tree'
        (tree / 'inner').mkdir(parents=True)
        (tree / 'main.py').write_text(shells.CODE)
        (tree / 'inner' / 'kept.txt').write_text('kept')
        (tree / 'inner' / 'secret.txt').write_text('secret')
        (tree / '.qinlingignore').write_text('secret.*\n')
        self.shell.run('function create', '--name', 'tree', '--runtime',
                       'python3', '--file', 'tree')
        self.shell.run('function download', 'tree', '-o', 'tree.zip')
        with zipfile.ZipFile(self.directory / 'tree.zip') as archive:
            self.assertEqual(['inner/kept.txt', 'main.py'],
                             sorted(archive.namelist()))
        self.shell.run('function update', 'tree', '--file', 'tree', '--file',
                       'main.py')
        self.shell.run('function download', 'tree', '-o', 'both.zip')
        with zipfile.ZipFile(self.directory / 'both.zip') as archive:
            self.assertEqual(
                ['main.py', 'tree/inner/kept.txt', 'tree/main.py'],
                sorted(archive.namelist()))
        self.shell.run('function update', 'tree', '--package', 'tree.zip')

    def test_faults(self):
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
                  'o'), '(HTTP 400)'),
                (('--image', 'busybox'), '(HTTP 400)')):
            self.assertIn(sentence,
                          self.shell.fails('function create', *words))

    def test_entry_without_a_file(self):
        (self.directory / 'other.py').write_text('def main():\n    pass\n')
        words = ('function create', '--name', 'other', '--replace',
                 '--runtime', 'python3', '--file', 'other.py')
        self.shell.run(*words)
        self.assertIn('no file of the package fits the entry main.main',
                      self.shell.errors)
        self.shell.run(*words, '--entry', 'other.main')
        self.assertNotIn('Warning', self.shell.errors)

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

    def test_environment(self):
        (self.directory / 'password.txt').write_text('hush\n')
        (self.directory / 'env.py').write_text(
            'import os\n\n\ndef main():\n'
            '    return [os.environ.get(name) for name in "ABCD"]\n')

        def result():
            return self.shell.json('function execution create', '--function',
                                   'env')['result']
        row = self.shell.json(
            'function create', '--name', 'env', '--runtime', 'python3',
            '--file', 'env.py', '--entry', 'env.main', '--environment',
            'A=1=1', '--environment', 'B=2', '--secret', 'C=3',
            '--secret-file', 'D=password.txt')
        self.assertEqual((['C', 'D'], {'A': '1=1', 'B': '2'}),
                         (row['secret_names'], row['environment']))
        self.assertIn('["1=1", "2", "3", "hush"]', result())
        text = self.shell.run(
            '--debug', 'function update', 'env', '--environment', 'B=4',
            '--unset-environment', 'A', '--secret', 'D=silent',
            '--unset-secret', 'C')
        self.assertNotIn('silent', text)
        self.assertIn('[null, "4", null, "silent"]', result())
        for words, sentence in (
                (('--secret-mode', 'D=newest'), 'must be "pinned" or'),
                (('--secret', 'silent'), 'Invalid secret'),
                (('--secret-file', 'D=no.txt'), 'no.txt'),
                (('--environment', 'A'), 'Invalid environment variable'),
                (('--environment', 'PATH=x'), 'the runtime sets it')):
            error = self.shell.fails('function update', 'env', *words)
            self.assertIn(sentence, error)
            self.assertNotIn('silent', error)

    def test_secrets(self):
        self.shell.run(
            'function create', '--name', 'keeper', '--runtime', 'python3',
            '--file', 'main.py', '--secret', 'A=hush',
            '--secret-mode', 'A=latest')
        self.shell.run('function version create', 'keeper')
        self.shell.run('function update', 'keeper', '--secret', 'A=quiet')
        for words in ((), ('--function-version', '1')):
            secret, = self.shell.json('function secret list', 'keeper', *words)
            self.assertIsNotNone(secret.pop('Updated_at'))
            self.assertEqual({'Name': 'A', 'Number': 2, 'Mode': 'latest'},
                             secret)
        text = self.shell.run('function secret list', 'keeper')
        self.assertIn('latest', text)
        self.assertNotIn('quiet', text)
        self.shell.run('function update', 'keeper', '--unset-secret', 'A')
        self.assertEqual([], self.shell.json('function secret list',
                                             'keeper'))

    def test_deletion_continues(self):
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

    def test_ambiguous_names(self):
        words = ('function create', '--name', 'twin', '--runtime', 'python3',
                 '--file', 'main.py')
        ids = [self.shell.value('id', *words)]
        self.assertEqual('', self.shell.errors)
        ids.append(self.shell.value('id', *words))
        self.assertIn('another function has the name twin', self.shell.errors)
        for command in (('function show', 'twin'), (*words, '--replace')):
            error = self.shell.fails(*command)
            for id in ids:
                self.assertIn(id, error)

    def test_replacement(self):
        (self.directory / 'new.py').write_text('def main():\n    return 2\n')
        words = ('function create', '--replace', '--name', 'deployed',
                 '--runtime', 'python3', '--file', 'new.py', '--entry')
        row = self.shell.json(*words, 'new.main', '--environment', 'A=1',
                              '--secret', 'B=2', '--timeout', 9)
        same = self.shell.json(*words, 'new.main')
        for name in ('id', 'code', 'environment', 'secret_names', 'timeout'):
            self.assertEqual(row[name], same[name])
        self.assertEqual('2\n', self.shell.run('function invoke', 'deployed'))
        (self.directory / 'new.py').write_text('def run():\n    return 3\n')
        new = self.shell.json(*words, 'new.run', '--environment', 'C=3')
        self.assertEqual('', self.shell.errors)
        self.assertEqual(
            (row['id'], 9, {'A': '1', 'C': '3'}, ['B']),
            (new['id'], new['timeout'], new['environment'],
             new['secret_names']))
        self.assertEqual('3\n', self.shell.run('function invoke', 'deployed'))
        self.assertIn('--replace needs --name', self.shell.fails(
            'function create', '--replace', '--runtime', 'python3', '--file',
            'new.py'))
        self.shell.run('runtime create', 'python3', '--name', 'elsewhere')
        self.assertIn('another runtime', self.shell.fails(
            'function create', '--replace', '--name', 'deployed', '--runtime',
            'elsewhere', '--file', 'new.py'))
        self.shell.run('runtime delete', 'elsewhere')

    def test_trust(self):
        self.shell.run('function update', 'greeter', '--no-trust')
        self.assertIn('known to Keystone', self.shell.fails(
            'function update', 'greeter', '--trust'))

    def test_workers(self):
        self.shell.run('function scaleup', 'greeter', '--count', 2)
        servers.wait_for(lambda: len(self.shell.json(
            'function worker list', 'greeter')) >= 2, 'two workers')
        self.shell.run('function scaledown', 'greeter')
        self.assertIn('Request to provision function greeter', self.shell.run(
            'function provision', 'greeter', '--count', 2))
        self.assertEqual('2', self.shell.value(
            'min_workers', 'function show', 'greeter'))
        self.shell.run('function provision', 'greeter', '--count', 0)
        self.assertIn('Request to detach function greeter has been accepted',
                      self.shell.run('function detach', 'greeter'))
        self.shell.fails('function scaleup', 'greeter', '--count', 0, code=2)

    def test_progress_bar(self):
        words = ['function', 'update', 'greeter', '--file', 'main.py']
        self.shell.run(' '.join(words))
        self.assertEqual('', self.shell.errors)
        reader, writer = pty.openpty()
        termios.tcsetwinsize(writer, (24, 80))
        with os.fdopen(reader, 'rb') as screen:
            process = subprocess.run(
                [*self.shell.words, *words], env=self.shell.environ,
                cwd=self.directory, stdin=subprocess.DEVNULL, stderr=writer,
                stdout=subprocess.DEVNULL)
            self.assertEqual(0, process.returncode)
            self.assertIn(b'Uploading', screen.read1())
            os.close(writer)


class TestVersions(shells.Case):
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
        self.assertEqual('drained', self.shell.value(
            'state', 'function version usage show', 'greeter', 2))
        run('function version diff', 'greeter', 1, 2)
        self.assertIn('Nothing changed.', self.shell.errors)
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
        run('function version provision', 'greeter', 1, '--count', 1)
        run('function version provision', 'greeter', 1, '--count', 0)
        run('function version detach', 'greeter', 1)
        self.assertEqual('', run('function version delete', 'greeter', 1))
        self.assertIn('FunctionVersion not found', self.shell.fails(
            'function version show', 'greeter', 1))

    def test_download_to_a_pipe(self):
        id = self.shell.value('id', 'function create', '--runtime', 'python3',
                              '--file', 'main.py')
        self.shell.run('function version create', id)
        process = subprocess.run(
            [*self.shell.words, 'function', 'version', 'download', id, '1',
             '-o', '-'], env=self.shell.environ, capture_output=True)
        with zipfile.ZipFile(io.BytesIO(process.stdout)) as archive:
            self.assertEqual(shells.CODE, archive.read('main.py').decode())


class TestAliases(shells.Case):
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
        for words in (('--weight', '1'), ('--weight', 'one=1'),
                      ('--weight', '1=10')):
            self.assertIn('write VERSION=WEIGHT', self.shell.fails(
                'function alias create', 'other', '--function', 'greeter',
                *words))

    def check_invocation(self):
        """Check that an alias of another function is rejected."""
        self.assertIn('Hello, Ada', self.shell.run(
            'function invoke', 'greeter', '--alias', 'prod', 'name=Ada',
            '--routing-key', 'me'))
        function = self.shell.value(
            'id', 'function create', '--name', 'other', '--runtime',
            'python3', '--file', 'main.py')
        error = self.shell.fails('function invoke', 'other', '--alias',
                                 'prod')
        self.assertIn(f'points at function {self.function}, not at other',
                      error)
        self.shell.run('function delete', function)


class TestQuotas(shells.Case):
    def test_quotas(self):
        def limits(text):
            return {row['Resource']: row['Limit'] for row in text}
        rows = self.shell.json('function quota show', 'default')
        self.assertEqual({-1}, set(limits(rows).values()))
        self.assertEqual(1, rows[0]['Usage'])
        limit = limits(self.shell.json(
            'function quota set', 'default', '--functions', 1,
            '--storage-bytes', 1 << 40))
        self.assertEqual((1, 1 << 40, -1), (
            limit['functions'], limit['storage_bytes'], limit['jobs']))
        self.assertIn('Quota exceeded for functions', self.shell.fails(
            'function create', '--name', 'other', '--runtime', 'python3',
            '--file', 'main.py'))
        self.assertIn('Specify the limit', self.shell.fails(
            'function quota set', 'default'))
        self.shell.run('function quota delete', 'default')
        self.assertEqual({-1}, set(limits(self.shell.json(
            'function quota show')).values()))


class TestBuilds(shells.Case):
    """Tests of builds without a package index."""

    @staticmethod
    def make_server():
        return servers.Standalone(build={
            'index_url': 'http://127.0.0.1:1/simple',
            'pip_options': '--retries=0'})

    def test_builds(self):
        (self.directory / 'requirements.txt').write_text('missing\n')
        self.shell.run('function create', '--name', 'needing', '--runtime',
                       'python3', '--file', 'main.py', 'requirements.txt')
        self.shell.run('function version create', 'needing')

        def failed():
            row = self.shell.json('function build show', 'needing')
            return row['status'] == 'failed' and row
        row = servers.wait_for(failed, 'the build')
        self.assertEqual('pip', row['kind'])
        self.assertIn('No matching distribution', self.shell.run(
            'function build log show', 'needing', '--function-version', 1))
        self.assertIn('accepted', self.shell.run(
            'function build create', 'needing'))
        servers.wait_for(failed, 'another build', 60)
        self.assertIn('has no dependencies', self.shell.fails(
            'function build show', 'greeter'))
