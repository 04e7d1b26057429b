# SPDX-License-Identifier: Apache-2.0
"""Tests of the API under uWSGI and gunicorn, with forks after loading."""

import concurrent.futures
import os
import pathlib
import re
import signal

import fixtures
from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import processes
from qinling.tests.functional import webservers
from qinling.tests import ports

HELLO = 'def main(name="stranger"):\n    return name\n'


class TestWebServers(servers.Shared, base.BaseTestCase):
    """Tests of web servers with several processes, one database and one bus.
    """

    @classmethod
    def make_server(cls):
        return servers.Cloud()

    def serve(self, command, file=None, path='/healthcheck'):
        """Return a server and its client when a path is answered with 200."""
        server = self.useFixture(webservers.WebServer(
            command, file or self.server.api.file))
        client = servers.Client(f'http://127.0.0.1:{server.port}')

        def up():
            if server.process.poll() is not None:
                raise AssertionError(server.log.read_text())
            try:
                return client.request('GET', path)[0] == 200
            except OSError:
                return False
        servers.wait_for(up, 'the web server')
        return server, client

    def run_many(self, client, function, count=24):
        """Return the outputs of concurrent executions."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            rows = list(pool.map(lambda number: client.run(
                function, {'name': f'n{number}'}), range(count)))
        return [servers.output(row) for row in rows]

    def check(self, command):
        server, client = self.serve(command)
        function = client.create(HELLO)['id']
        expected = [f'n{number}' for number in range(24)]
        self.assertEqual(expected, self.run_many(client, function))
        # A process that dies is replaced by another fork.
        children = processes.descendants(server.process.pid)
        os.kill(children[0], signal.SIGKILL)
        servers.wait_for(
            lambda: not processes.alive(children[0]), 'the end of a child')
        self.assertEqual(expected, self.run_many(client, function))
        self.assertEqual(404, client.call('GET', '/v1/nothing')[0])
        self.assertEqual(0, server.stop())
        self.assertNotIn('Traceback', server.log.read_text())

    def test_gunicorn(self):
        self.check(webservers.gunicorn)

    def test_uwsgi(self):
        self.check(webservers.uwsgi)

    def test_stop_without_a_bus(self):
        """Stop a worker that would be killed only after ten minutes."""
        absent = self.useFixture(ports.Refusing())
        file = pathlib.Path(self.useFixture(fixtures.TempDir()).join('conf'))
        file.write_text(re.sub(
            '(?m)^transport_url.*', 'transport_url = rabbit://guest:guest@'
            f'127.0.0.1:{absent.port}/', self.server.api.file.read_text()))
        server, _ = self.serve(
            lambda *arguments: [*webservers.gunicorn(*arguments),
                                '--graceful-timeout', '600'],
            file, '/v1/functions')
        self.assertEqual(0, server.stop())
