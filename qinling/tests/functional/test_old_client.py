# SPDX-License-Identifier: Apache-2.0
"""Tests of the old service's client with our server.

Each of the 40 commands runs in a process of its own; the OpenStackClient
plugin of this project must print the same results.
"""

import io
import json
import pathlib
import zipfile

import fixtures
from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import environments
from qinling.tests.functional import terminal

GROUP = 'openstack.function_engine.v1'
#: Default of the option pool_size.
POOL_SIZE = 3
PACKAGES = ('python-qinlingclient==5.1.1', 'python-openstackclient')
CODE = """\
def main(name='world', **kwargs):
    print('Greeting', name)
    return 'Hello, ' + name
"""


class OldClient(fixtures.Fixture):
    """Old client, called by ``run`` and ``json``."""

    def __init__(self, url):
        super().__init__()
        self.url = url

    def _setUp(self):
        environment = self.useFixture(
            environments.Environment('old-client', *PACKAGES))
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        environ = {'OS_AUTH_TYPE': 'none', 'OS_ENDPOINT': self.url}
        self.old = self.enter(terminal.OpenStack(
            environment.bin / 'python', self.directory, PYTHONPATH='',
            **environ))
        self.new = self.enter(terminal.OpenStack(
            terminal.BIN / 'python', self.directory, **environ))

    def enter(self, client):
        """Return a client that ends with the fixture."""
        self.addCleanup(client.close)
        return client


class Case(servers.Shared, base.BaseTestCase):
    """Base of the test cases for the 40 commands."""

    #: Commands that the test must run.
    COMMANDS = ()

    make_server = servers.Standalone

    def setUp(self):
        super().setUp()
        clients = self.useFixture(OldClient(self.client.url))
        self.old = clients.old
        self.new = clients.new
        self.directory = clients.directory
        (self.directory / 'main.py').write_text(CODE)

    def tearDown(self):
        super().tearDown()
        self.assertLessEqual(set(self.COMMANDS), self.old.commands)

    def list_rows(self, *words):
        """Return a list and check that both clients print the same rows."""
        rows = self.old.json(*words)
        self.assertEqual([list(row.items()) for row in rows],
                         [list(row.items()) for row in self.new.json(*words)])
        return rows

    def show_item(self, *words):
        """Return an item and check that the new client prints the same rows
        first.
        """
        row = self.old.json(*words)
        also = list(self.new.json(*words).items())
        self.assertEqual(list(row.items()), also[:len(row)])
        return row

    def function(self, name='greeter', *words):
        """Return the id of a new function."""
        return self.old.value('id', 'function create', '--runtime', 'python3',
                              '--file', 'main.py', '--name', name, *words)

    def deleted(self, noun, *words):
        """Delete an item and check the output."""
        text = self.old.run(f'{noun} delete', *words)
        self.assertIn('has been accepted.', text)


class TestRuntimes(Case):
    COMMANDS = ('runtime list', 'runtime create', 'runtime show',
                'runtime pool show', 'runtime delete')

    def test_runtimes(self):
        row, = self.list_rows('runtime list')
        self.assertEqual('python3', row['Name'])
        runtime = self.old.json('runtime create', 'python3', '--name', 'spare',
                                '--description', 'one more', '--untrusted')
        self.assertEqual(
            (True, False), (runtime['is_public'], runtime['trusted']))
        id = runtime['id']
        servers.wait_for(
            lambda: self.client.get(f'/v1/runtimes/{id}')['status']
            == 'available', 'the runtime')
        self.assertEqual('one more',
                         self.show_item('runtime show', id)['description'])
        # Both clients are to see the same pool.
        servers.wait_for(lambda: self.client.get(
            f'/v1/runtimes/{id}/pool')['capacity'] == {
                'total': POOL_SIZE, 'available': POOL_SIZE}, 'the full pool')
        pool = self.show_item('runtime pool show', id)
        self.assertEqual({'total', 'available'}, set(pool['capacity']))
        self.deleted('runtime', id)


class TestFunctions(Case):
    COMMANDS = ('function list', 'function create', 'function show',
                'function update', 'function delete', 'function download')

    def test_functions(self):
        id = self.function('greeter', '--entry', 'main.main', '--cpu', 200,
                           '--memory-size', 67108864)
        row = self.show_item('function show', 'greeter')
        self.assertEqual(
            (id, 'package', 200, 5),
            (row['id'], row['code']['source'], row['cpu'], row['timeout']))
        self.assertEqual([id], [row['Id'] for row in self.list_rows(
            'function list')])
        self.list_rows('function list', '--filter', 'all_projects=true')
        self.check_update(id)
        self.check_download(id)
        self.check_packages()
        self.deleted('function', 'greeter')

    def check_update(self, id):
        row = self.old.json('function update', 'greeter', '--name', 'polite',
                            '--timeout', 10, '--description', 'Greets')
        self.assertEqual((id, 'polite', 10),
                         (row['id'], row['name'], row['timeout']))
        (self.directory / 'main.py').write_text('# Better.\n' + CODE)
        digest = row['code']['md5sum']
        row = self.old.json('function update', id, '--file', 'main.py',
                            '--name', 'greeter')
        self.assertNotEqual(digest, row['code']['md5sum'])

    def check_download(self, id):
        self.old.run('function download', 'greeter', '-o', 'got.zip')
        with zipfile.ZipFile(self.directory / 'got.zip') as archive:
            self.assertEqual('# Better.\n' + CODE,
                             archive.read('main.py').decode())

    def check_packages(self):
        """Check a stored package, and other sources of code."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, 'w') as archive:
            archive.writestr('main.py', CODE)
        (self.directory / 'code.zip').write_bytes(packed.getvalue())
        id = self.old.value('id', 'function create', '--runtime', 'python3',
                            '--package', 'code.zip')
        self.old.run('function update', id, '--package', 'got.zip')
        self.deleted('function', id)
        # Sources that this server does not have: it says so.
        for words in (('--container', 'c', '--object', 'o'),
                      ('--image', 'busybox')):
            self.assertIn('(HTTP 400)', self.old.fails(
                'function create', '--runtime', 'python3', *words))


class TestWorkers(Case):
    COMMANDS = ('function scaleup', 'function scaledown', 'function detach',
                'function worker list')

    def test_workers(self):
        id = self.function()
        self.assertIn('has been accepted', self.old.run(
            'function scaleup', id, '--count', 2))
        servers.wait_for(lambda: len(self.client.get(
            f'/v1/functions/{id}/workers')['workers']) == 2, 'two workers')
        self.assertEqual(2, len(self.list_rows('function worker list', id)))
        self.old.run('function scaledown', id)
        self.old.run('function detach', id)
        self.deleted('function', id)


class TestVersions(Case):
    COMMANDS = ('function version create', 'function version list',
                'function version show', 'function version delete',
                'function version detach')

    def test_versions(self):
        id = self.function()
        row = self.old.json('function version create', 'greeter',
                            '--description', 'first')
        self.assertEqual((1, 'first'),
                         (row['version_number'], row['description']))
        self.old.run('function version create', id)
        self.assertEqual([1, 2], [row['Version_number'] for row in
                                  self.list_rows('function version list', id)])
        self.show_item('function version show', id, 2)
        self.old.run('function version detach', id, 2)
        self.assertEqual('', self.old.run('function version delete', id, 2))


class TestAliases(Case):
    COMMANDS = ('function alias create', 'function alias list',
                'function alias show', 'function alias update',
                'function alias delete')

    def test_aliases(self):
        id = self.function()
        self.old.run('function version create', id)
        row = self.old.json('function alias create', 'prod', '--function',
                            'greeter', '--function-version', 1)
        self.assertEqual(('prod', id, 1, ''), (
            row['name'], row['function_id'], row['function_version'],
            row['description']))
        self.assertEqual(['prod'], [row['Name'] for row in
                                    self.list_rows('function alias list')])
        row = self.old.json('function alias update', 'prod',
                            '--function-version', 0, '--description', 'now')
        self.assertEqual((0, 'now'),
                         (row['function_version'], row['description']))
        self.show_item('function alias show', 'prod')
        self.deleted('function alias', 'prod')


class TestExecutions(Case):
    COMMANDS = ('function execution create', 'function execution list',
                'function execution show', 'function execution log show',
                'function execution delete')

    def test_executions(self):
        function = self.function()
        row = self.old.json('function execution create', '--function',
                            'greeter', '--input', '{"name": "Ada"}')
        self.assertEqual('success', row['status'])
        self.assertEqual('Hello, Ada', json.loads(row['result'])['output'])
        id = row['id']
        self.show_item('function execution show', id)
        self.assertIn('Greeting Ada\n', self.old.run(
            'function execution log show', id))
        self.client.wait_for_end(self.old.value(
            'id', 'function execution create', '--function', function,
            '--async'))
        self.assertEqual(2, len(self.list_rows('function execution list')))
        rows = self.list_rows('function execution list', '--filter',
                              f'function_id={function}', '--filter',
                              'status=eq:success')
        self.assertEqual(2, len(rows))
        self.check_targets(function)
        self.deleted('function execution', '--execution', id)
        self.deleted('function execution', '--function', function)
        self.assertEqual([], self.list_rows('function execution list'))

    def check_targets(self, function):
        self.client.call('POST', f'/v1/functions/{function}/versions', {})
        self.client.call('POST', '/v1/aliases', {
            'name': 'prod', 'function_id': function, 'function_version': 1})
        for words in (('--function-alias', 'prod'), (
                '--function', function, '--function-version', 1)):
            row = self.old.json('function execution create', *words)
            self.assertEqual(('success', 1),
                             (row['status'], row['function_version']))


class TestJobs(Case):
    COMMANDS = ('job create', 'job list', 'job show', 'job update',
                'job delete')

    def test_jobs(self):
        function = self.function()
        row = self.old.json(
            'job create', '--function', 'greeter', '--name', 'nightly',
            '--pattern', '0 3 * * *', '--count', 3, '--function-input',
            '{"name": "Ada"}')
        self.assertEqual(
            (function, 0, 3, 'running'),
            (row['function_id'], row['function_version'], row['count'],
             row['status']))
        id = row['id']
        self.assertEqual([id],
                         [row['Id'] for row in self.list_rows('job list')])
        for status in ('paused', 'running', 'cancelled'):
            row = self.old.json('job update', id, '--status', status)
            self.assertEqual(status, row['status'])
        self.show_item('job show', id)
        self.client.call('POST', '/v1/aliases', {
            'name': 'prod', 'function_id': function})
        second = self.old.value('id', 'job create', '--function-alias', 'prod',
                                '--first-execution-time', '2126-01-31 12:00')
        row = self.old.json('job update', second, '--next-execution-time',
                            '2127-01-31T12:00:00')
        self.assertEqual('2127-01-31T12:00:00Z', row['next_execution_time'])
        self.deleted('job', id, second)


class TestWebhooks(Case):
    COMMANDS = ('webhook create', 'webhook list', 'webhook show',
                'webhook update', 'webhook delete')

    def test_webhooks(self):
        function = self.function()
        self.client.call('POST', f'/v1/functions/{function}/versions', {})
        self.client.call('POST', '/v1/aliases', {
            'name': 'prod', 'function_id': function})
        row = self.old.json('webhook create', '--function', 'greeter',
                            '--description', 'from outside')
        self.assertEqual((function, 0, 'from outside'), (
            row['function_id'], row['function_version'], row['description']))
        path = row['webhook_url'].partition('/v1')[2]
        status, answer = self.client.call('POST', f'/v1{path}', {})
        self.assertEqual(202, status)
        self.client.wait_for_end(answer['execution_id'])
        id = row['id']
        row = self.old.json('webhook update', id, '--function-version', 1)
        self.assertEqual(1, row['function_version'])
        second = self.old.value('id', 'webhook create', '--function-alias',
                                'prod')
        self.assertEqual(2, len(self.list_rows('webhook list')))
        self.assertEqual('prod', self.show_item('webhook show',
                                                second)['function_alias'])
        row = self.old.json('webhook update', second, '--function-id',
                            function, '--description', 'direct')
        self.assertEqual((function, None),
                         (row['function_id'], row['function_alias']))
        self.deleted('webhook', id, second)


class TestAll(Case):
    """Test of completeness: the tests above cover all commands."""

    def test_all_commands(self):
        installed = {command for group in self.old.json(
            'command list', '--group', GROUP) for command in
            group['Commands']}
        self.assertEqual(40, len(installed))
        self.assertEqual(installed, {
            command for case in Case.__subclasses__()
            for command in case.COMMANDS})

    def test_errors_are_shown(self):
        self.assertIn('No Function matching', self.old.fails(
            'function show', 'nothing'))
        id = '11111111-2222-4333-8444-555555555555'
        self.assertIn(f'Function not found [id={id}] (HTTP 404)',
                      self.old.fails('function show', id))
        self.assertIn('timeout resource limitation', self.old.fails(
            'function create', '--runtime', 'python3', '--file', 'main.py',
            '--timeout', 901))
