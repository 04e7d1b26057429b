# SPDX-License-Identifier: Apache-2.0
"""Access of others: to the files of a server, and to its address."""

import os
import pathlib
import stat

import fixtures
from oslotest import base

from qinling.tests.functional import base as servers

HELLO = 'def main():\n    return "hello"\n'


class TestFiles(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(os.umask, os.umask(0))

    def check(self, state):
        """Fail if others have access to a file outside of the workers."""
        paths = [state, *(path for path in state.rglob('*')
                          if path.parts[len(state.parts)] != 'workers')]
        for path in (*paths, state / 'workers'):
            mode = path.stat().st_mode
            self.assertEqual(0, mode & (stat.S_IRWXG | stat.S_IRWXO), path)
        return {str(path.relative_to(state)) for path in paths}

    def test_state_directory(self):
        server = servers.Standalone()
        server.state = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        server.state.chmod(0o755)
        self.useFixture(server)
        row = server.client.run(server.client.create(HELLO)['id'])
        self.assertEqual('hello', servers.output(row))
        names = self.check(server.state)
        self.assertLessEqual({'.', 'qinling.db', 'qinling.db-wal',
                              'secret.key', 'lock', 'endpoint', 'packages'},
                             names)
        self.assertEqual(0, server.program.stop())
        for path in (server.state, server.state / 'qinling.db'):
            path.chmod(0o755)
        server.restart()
        self.check(server.state)


class TestAddresses(base.BaseTestCase):
    def check_refused(self, name, *words, **config):
        config.setdefault('database', {'connection': 'sqlite://'})
        program = self.useFixture(servers.Program(
            name, *words, config=config))
        self.assertEqual(1, program.process.wait(servers.PATIENCE))
        text = program.log.read_text()
        self.assertIn('allow_noauth_on_network', text)
        self.assertNotIn('Traceback', text)

    def test_programs_without_authentication(self):
        state = self.useFixture(fixtures.TempDir()).path
        self.check_refused('standalone', '--state-dir', state, '--host',
                           '0.0.0.0', '--port', '0')
        self.check_refused('api')
        self.check_refused('api', api={'host': '::', 'port': 0})
