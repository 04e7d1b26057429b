# SPDX-License-Identifier: Apache-2.0
"""Tests of the standalone server with users in a file."""

import base64

import bcrypt
from oslotest import base

from qinling.tests.functional import base as servers

HELLO = 'def main(name, **kwargs):\n    return f"Hello, {name}"\n'
PASSWORD = 'correct horse battery'


def header(name, password=PASSWORD):
    """Return the headers of a user's requests."""
    word = base64.b64encode(f'{name}:{password}'.encode()).decode()
    return {'Authorization': f'Basic {word}'}


class TestHttpBasic(base.BaseTestCase):
    def config(self, hashed=None):
        hashed = hashed or bcrypt.hashpw(
            PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        path = self.create_tempfiles([('htpasswd', ''.join(
            f'{name}:{hashed}\n' for name in ('ada', 'bob', 'root')))], '')[0]
        return {'api': {'auth_strategy': 'http_basic'},
                'http_basic': {'user_file': path, 'admins': 'root',
                               'projects': 'bob:theirs'}}

    def test_main_job(self):
        server = self.useFixture(servers.Standalone(**self.config()))

        def client_of(*words):
            return servers.Client(server.client.url, header(*words))
        ada, bob = client_of('ada'), client_of('bob')
        function = ada.create(HELLO)
        self.assertEqual('Hello, Ada', servers.output(
            ada.run(function['id'], '{"name": "Ada"}')))
        path = f'/v1/functions/{function["id"]}'
        for client, status in ((bob, 404), (client_of('root'), 200),
                               (ada, 200), (client_of('ada', 'wrong'), 401),
                               (server.client, 401)):
            self.assertEqual(status, client.call('GET', path)[0])
        self.assertEqual(403, ada.call(
            'POST', '/v1/runtimes', {'image': 'python3'})[0])
        self.assertNotIn(PASSWORD, server.program.log.read_text())

    def test_invalid_file(self):
        program = self.useFixture(servers.Program(
            'standalone', '--state-dir', self.create_tempfiles(
                [('x', '')])[0] + '.d', '--port', '0',
            config=self.config(hashed='plain')))
        self.assertEqual(1, program.process.wait(servers.PATIENCE))
        log = program.log.read_text()
        self.assertIn('htpasswd -B', log)
        self.assertNotIn('Traceback', log)
