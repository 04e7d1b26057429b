# SPDX-License-Identifier: Apache-2.0
"""The official MCP client against real servers."""

import json
import os
import pathlib
import subprocess
import sys

import bcrypt
from oslotest import base

from qinling.api.mcp import tools
from qinling.tests.functional import base as servers
from qinling.tests.functional import test_http_basic
from qinling.tests.functional import test_keystone
from qinling.tests.functional import webservers

PACKAGES = ('mcp>=2.3.0,<3',)
#: Modes of the client: the current revision, and the handshake.
MODES = ('auto', 'legacy')
PROGRAM = pathlib.Path(__file__).with_name('mcp_client.py')
ADD = ('import time\n\n\ndef main(numbers, seconds=0):\n'
       '    time.sleep(seconds)\n    return {"sum": sum(numbers)}\n')
SCHEMA = {'type': 'object', 'required': ['numbers'], 'properties': {
    'numbers': {'type': 'array', 'items': {'type': 'number'}}}}
HELLO = 'def main(name="stranger"):\n    return f"Hello, {name}"\n'


class ClientTest(base.BaseTestCase):
    def run_client(self, client, mode, *calls):
        """Return names of tools and results of calls."""
        directory = webservers.install_packages('mcp', PACKAGES)
        result = self.start_client(directory, client, mode, calls)
        self.assertEqual(0, result.returncode, result.stderr[-5000:])
        return json.loads(result.stdout)

    def start_client(self, directory, client, mode, calls):
        return subprocess.run(
            [sys.executable, str(PROGRAM), f'{client.url}/v1/mcp', mode,
             json.dumps(client.headers), json.dumps(calls)],
            capture_output=True, text=True, timeout=servers.PATIENCE,
            env=dict(os.environ, PYTHONPATH=str(directory)))

    def check_run(self, client, mode):
        """Check the tools, and a stored execution."""
        function = client.create(HELLO)['id']
        answer = self.run_client(client, mode, (
            'executions_create', {'body': {
                'function_id': function, 'input': '{"name": "Ada"}'}}),
            ('functions_get', {'id': 'x'}))
        self.assertEqual(list(tools.OPERATIONS),
                         answer['names'][:len(tools.OPERATIONS)])
        (failed, run), (refused, problem) = answer['results']
        self.assertFalse(failed, run)
        self.assertEqual('success', run['status'])
        self.assertIn('Hello, Ada', run['result'])
        self.assertEqual('success', client.get(
            f'/v1/executions/{run["id"]}')['status'])
        self.assertTrue(refused)
        self.assertEqual(404, problem['status'])

    def check_function(self, client, mode):
        """Check a function as a tool: result, failure, progress."""
        function = client.create(ADD, input_schema=json.dumps(SCHEMA))['id']
        name = f'add_{mode}'
        client.call('POST', '/v1/aliases', {
            'name': name, 'function_id': function, 'tool': name})
        answer = self.run_client(
            client, mode, (name, {'numbers': [1, 2]}), (name, {}),
            (name, {'numbers': [3], 'seconds': 1.5}, True))
        self.assertIn(name, answer['names'])
        added, refused, slow = answer['results']
        self.assertEqual([False, {'sum': 3}], added)
        self.assertTrue(refused[0])
        self.assertEqual([False, {'sum': 3}], slow)
        self.assertIn('runs.', answer['events'][0][1])
        runs = [row for row in client.get('/v1/executions')['executions']
                if row['function_alias'] == name]
        self.assertEqual(['success', 'success'],
                         [row['status'] for row in runs])


class TestWithoutIdentity(servers.Shared, ClientTest):
    @classmethod
    def make_server(cls):
        return servers.Standalone()

    def test_tools(self):
        for mode in MODES:
            self.check_run(self.client, mode)

    def test_functions(self):
        for mode in MODES:
            self.check_function(self.client, mode)


class TestBasic(ClientTest):
    def test_tools(self):
        hashed = bcrypt.hashpw(test_http_basic.PASSWORD.encode(),
                               bcrypt.gensalt(4)).decode()
        path = self.create_tempfiles([('users', f'ada:{hashed}\n')], '')[0]
        server = self.useFixture(servers.Standalone(
            api={'auth_strategy': 'http_basic'},
            http_basic={'user_file': path}))
        self.check_run(servers.Client(
            server.client.url, test_http_basic.header('ada')), 'auto')
        self.check_function(servers.Client(
            server.client.url, test_http_basic.header('ada')), 'auto')
        status, fault = server.client.call('POST', '/v1/mcp', {
            'jsonrpc': '2.0', 'id': 1, 'method': 'tools/call',
            'params': {'name': 'functions_get_all'}})
        self.assertEqual(401, status, fault)


class TestKeystone(servers.Shared, ClientTest):
    @staticmethod
    def make_server():
        return test_keystone.Secured()

    def test_tools(self):
        _, client = self.server.create_client('member')
        for mode in MODES:
            self.check_run(client, mode)

    def test_functions(self):
        _, client = self.server.create_client('member')
        self.check_function(client, 'auto')

    def test_policies(self):
        _, client = self.server.create_client('reader')
        results = self.run_client(client, 'auto', (
            'functions_get_all', {}), ('jobs_create', {'body': {}}))['results']
        self.assertFalse(results[0][0])
        self.assertTrue(results[1][0])
        self.assertEqual(403, results[1][1]['status'])
