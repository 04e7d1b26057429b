# SPDX-License-Identifier: Apache-2.0
"""Tests of the OpenStackClient plugin, and of both programs with Keystone."""

from http import server
import json
import pathlib
import threading

import fixtures
from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import terminal

GROUP = 'openstack.function_engine.v1'
TOKEN = 'a-token-of-the-stub'
LOGIN = {'OS_USERNAME': 'ada', 'OS_PASSWORD': 'right', 'OS_PROJECT_NAME':
         'demo', 'OS_USER_DOMAIN_NAME': 'Default',
         'OS_PROJECT_DOMAIN_NAME': 'Default'}


class Keystone(fixtures.Fixture):
    """Subset of Keystone for the login of a client, with one service."""

    def __init__(self, endpoint):
        super().__init__()
        self.endpoint = endpoint

    def _setUp(self):
        http = server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = http.url = f'http://127.0.0.1:{http.server_port}/v3'
        http.catalog = [{
            'type': 'function-engine', 'name': 'qinling', 'id': 'q',
            'endpoints': [
                {'id': interface, 'interface': interface, 'url': url,
                 'region': 'north', 'region_id': 'north'}
                for interface, url in (('public', self.endpoint),
                                       ('internal', 'http://127.0.0.1:1'))]}]
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(http.server_close)
        self.addCleanup(http.shutdown)


class Handler(server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, {'version': {
            'id': 'v3.14', 'status': 'stable', 'links': [
                {'rel': 'self', 'href': self.server.url}]}})

    def do_POST(self):
        size = int(self.headers['Content-Length'])
        identity = json.loads(self.rfile.read(size))['auth']['identity']
        if identity['password']['user']['password'] != 'right':
            self.answer(401, {'error': {
                'message': 'The password is wrong.', 'code': 401}})
            return
        self.answer(201, {'token': {
            'methods': ['password'], 'expires_at': '2126-01-01T00:00:00Z',
            'user': {'id': 'u', 'name': 'ada', 'domain': {
                'id': 'default', 'name': 'Default'}},
            'project': {'id': 'p', 'name': 'demo', 'domain': {
                'id': 'default', 'name': 'Default'}},
            'roles': [{'id': 'm', 'name': 'member'}],
            'catalog': self.server.catalog}})

    def answer(self, code, value):
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.send_header('X-Subject-Token', TOKEN)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


class TestPlugin(servers.Shared, base.BaseTestCase):

    make_server = servers.Standalone

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)

    def terminal(self, program, *options, **environ):
        return terminal.Terminal(terminal.BIN / program, self.directory,
                                 options, **environ)

    def test_without_keystone(self):
        openstack = self.terminal('openstack', '--os-auth-type', 'none',
                                  QINLING_URL=self.client.url)
        (self.directory / 'main.py').write_text(
            'def main(name):\n    return "Hello, " + name\n')
        id = openstack.value('id', 'function create', '--file', 'main.py',
                             '--name', 'greeter', '--runtime', 'python3')
        self.assertEqual('Hello, Ada\n', openstack.run(
            'function invoke', 'greeter', 'name=Ada'))
        self.assertEqual('Function not found [name=absent] (HTTP 404)\n',
                         openstack.fails('function invoke', 'absent'))
        self.assertIn('missing', openstack.fails(
            'function invoke', 'greeter'))
        self.assertEqual([id], [row['Id'] for row in
                                openstack.json('function list')])

    def test_commands(self):
        openstack = self.terminal('openstack', '--os-auth-type', 'none')
        group, = openstack.json('command list', '--group', GROUP)
        for command in ('function invoke', 'job list', 'webhook invoke'):
            self.assertIn(command, group['Commands'])

    def test_with_keystone(self):
        keystone = self.useFixture(Keystone(self.client.url))
        login = dict(LOGIN, OS_AUTH_URL=keystone.url)
        for program in ('openstack', 'qinling'):
            typed = self.terminal(program, **login)
            self.assertEqual('python3', typed.value('Name', 'runtime list'))
            typed = self.terminal(program, '--debug', **login)
            typed.run('runtime list')
            self.assertIn('{SHA256}', typed.errors)
            self.assertNotIn(TOKEN, typed.errors)
            typed = self.terminal(program, **dict(login, OS_INTERFACE=(
                'internal')))
            self.assertIn('No answer from http://127.0.0.1:1/v1/runtimes',
                          typed.fails('runtime list'))
            typed = self.terminal(program, '--qinling-url', self.client.url,
                                  **dict(login, OS_INTERFACE='internal'))
            self.assertEqual('python3', typed.value('Name', 'runtime list'))
            typed = self.terminal(program, **dict(login, OS_REGION_NAME=(
                'south')))
            self.assertIn('function-engine', typed.fails('runtime list'))
            typed = self.terminal(program, **dict(login, OS_PASSWORD='wrong'))
            self.assertIn('The password is wrong.',
                          typed.fails('runtime list'))

    def test_clouds(self):
        keystone = self.useFixture(Keystone(self.client.url))
        names = {'auth_url': keystone.url}
        for name, value in LOGIN.items():
            names[name.removeprefix('OS_').lower()] = value
        (self.directory / 'clouds.yaml').write_text(json.dumps(
            {'clouds': {'ours': {'auth': names, 'region_name': 'north'}}}))
        for program in ('openstack', 'qinling'):
            typed = self.terminal(program, '--os-cloud', 'ours')
            self.assertEqual('python3', typed.value('Name', 'runtime list'))
