# SPDX-License-Identifier: Apache-2.0
"""The API under uWSGI and gunicorn, which load it once and fork then."""

import concurrent.futures
import os
import signal

from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import processes
from qinling.tests.functional import webservers

HELLO = 'def main(name="nobody"):\n    return name\n'


class TestWebServers(servers.Shared, base.BaseTestCase):
    """Each serves with several processes, over one database and bus."""

    @classmethod
    def make_server(cls):
        return servers.Cloud()

    def serve(self, command):
        server = self.useFixture(webservers.WebServer(
            command, self.server.api.file))
        client = servers.Client(f'http://127.0.0.1:{server.port}')

        def up():
            if server.process.poll() is not None:
                raise AssertionError(server.log.read_text())
            try:
                return client.request('GET', '/healthcheck')[0] == 200
            except OSError:
                return False
        servers.wait_for(up, 'the web server')
        return server, client

    def run_many(self, client, function, count=24):
        """The outputs of executions that are run side by side."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            rows = list(pool.map(lambda number: client.run(
                function, {'name': f'n{number}'}), range(count)))
        return [servers.output(row) for row in rows]

    def check(self, command):
        server, client = self.serve(command)
        function = client.create(HELLO)['id']
        wanted = [f'n{number}' for number in range(24)]
        self.assertEqual(wanted, self.run_many(client, function))
        # A process that dies is replaced by another fork.
        children = processes.descendants(server.process.pid)
        os.kill(children[0], signal.SIGKILL)
        servers.wait_for(
            lambda: not processes.alive(children[0]), 'the end of a child')
        self.assertEqual(wanted, self.run_many(client, function))
        self.assertEqual(404, client.call('GET', '/v1/nothing')[0])
        self.assertEqual(0, server.stop())
        self.assertNotIn('Traceback', server.log.read_text())

    def test_gunicorn(self):
        self.check(webservers.gunicorn)

    def test_uwsgi(self):
        self.check(webservers.uwsgi)
