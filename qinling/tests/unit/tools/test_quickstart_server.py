# SPDX-License-Identifier: Apache-2.0
"""Tests of the start and stop of the server of the quickstart."""

import contextlib
import importlib.util
import io
import pathlib
import socket
import sys

import fixtures
from oslotest import base

from qinling.tests import ports

TOOL = pathlib.Path(__file__).parents[4] / 'tools' / 'quickstart_server.py'

#: Double of qinling-standalone.
SERVER = '''
import fcntl, http.server, pathlib, sys
state = pathlib.Path(sys.argv[2])
lock = open(state / 'lock', 'a')
fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"versions": []}')

server = http.server.HTTPServer(('127.0.0.1', int(sys.argv[4])), Handler)
(state / 'endpoint').write_text(
    'http://127.0.0.1:%d\\n' % server.server_port)
server.serve_forever()
'''


def _load():
    spec = importlib.util.spec_from_file_location('quickstart_server', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


quickstart_server = _load()


class QuickstartServerTest(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.state = directory / 'state'
        self.program = directory / 'qinling-standalone'
        self.write_program(SERVER)
        self.addCleanup(self.call, 'stop')

    def write_program(self, text):
        self.program.write_text(f'#!{sys.executable}\n{text}')
        self.program.chmod(0o755)

    def call(self, action, *words):
        """Return (exit code, output)."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output), \
                contextlib.redirect_stderr(output):
            code = quickstart_server.main([
                action, '--state-dir', str(self.state), '--program',
                str(self.program), *words])
        return code, output.getvalue()

    def test_start_twice_and_stop_twice(self):
        code, text = self.call('start', '--port', '0')
        self.assertEqual(0, code)
        url = (self.state / 'endpoint').read_text().strip()
        self.assertIn(f'The server runs now, at {url}; ', text)
        self.assertEqual((0, f'The server runs already, at {url}.\n'),
                         self.call('start', '--port', '0'))
        self.assertEqual((0, 'The server is stopped.\n'), self.call('stop'))
        self.assertEqual(
            (0, f'No server runs with the state directory {self.state}.\n'),
            self.call('stop'))

    def test_wrong_ports(self):
        for port in ('99999', 'x', '-1'):
            errors = io.StringIO()
            with contextlib.redirect_stderr(errors):
                error = self.assertRaises(
                    SystemExit, quickstart_server.main,
                    ['start', '--state-dir', 'x', f'--port={port}'])
            self.assertEqual(2, error.code)
            self.assertIn(f'{port} is no port', errors.getvalue())
            self.assertIn('tools/quickstart.sh', errors.getvalue())

    def test_another_port_while_the_server_runs(self):
        self.call('start', '--port', '0')
        port = ports.free()
        self.assertIn(f'To use port {port}, stop the server first',
                      self.call('start', '--port', str(port))[1])

    def test_state_directory_that_cannot_be(self):
        state = self.state
        self.addCleanup(lambda: setattr(self, 'state', state))
        self.state = self.program / 'state'
        code, text = self.call('start', '--port', '0')
        self.assertEqual(1, code)
        self.assertIn(f'{self.state} cannot be created', text)

    def test_state_directory_is_private(self):
        self.call('start', '--port', '0')
        self.assertEqual(0o700, self.state.stat().st_mode & 0o777)

    def test_endpoint_of_a_dead_server(self):
        self.state.mkdir()
        (self.state / 'endpoint').write_text('http://127.0.0.1:9\n')
        (self.state / 'lock').touch()
        code, text = self.call('start', '--port', '0')
        self.assertEqual(0, code, text)
        self.assertNotIn(':9;', text)

    def test_server_that_ends(self):
        self.write_program('import sys; sys.exit("It cannot work.")\n')
        code, text = self.call('start', '--port', '0')
        self.assertEqual(1, code)
        self.assertIn('The server ended during the start.', text)
        self.assertIn('    It cannot work.\n', text)

    def test_log_of_the_present_start(self):
        self.write_program('import sys; sys.exit(sys.argv[4])\n')
        self.call('start', '--port', '0')
        port = ports.free()
        text = self.call('start', '--port', str(port))[1]
        self.assertTrue(text.endswith(f':\n    {port}\n'), text)

    def test_server_that_never_answers(self):
        self.patch(quickstart_server, 'START_TIMEOUT_SECONDS', 0.2)
        self.write_program('import time; time.sleep(100)\n')
        code, text = self.call('start', '--port', '0')
        self.assertEqual(1, code)
        self.assertIn('does not answer after 0.2 seconds', text)
        self.assertIn('No server runs', self.call('stop')[1])

    def test_used_port(self):
        with socket.socket() as listener:
            listener.bind(('127.0.0.1', 0))
            listener.listen()
            port = listener.getsockname()[1]
            code, text = self.call('start', '--port', str(port))
        self.assertEqual(1, code)
        self.assertIn(f'Port {port} is taken', text)
        self.assertIn('--port 0', text)
        self.assertFalse(self.state.exists())

    def test_server_of_another_script(self):
        self.call('start', '--port', '0')
        pid = self.state / 'quickstart.pid'
        text_of_script = pid.read_text()
        for text in ('1', 'nonsense'):
            pid.write_text(text)
            code, text = self.call('stop')
            self.assertEqual(1, code)
            self.assertIn('not started by this script', text)
        self.assertEqual(0, self.call('start')[0])
        pid.write_text(text_of_script)

    def test_server_that_does_not_stop(self):
        self.patch(quickstart_server, 'STOP_TIMEOUT_SECONDS', 0.2)
        self.write_program(
            'import signal\n'
            f'signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SERVER}')
        self.assertEqual(0, self.call('start', '--port', '0')[0])
        self.assertIn('was killed', self.call('stop')[1])
        self.assertIn('No server runs', self.call('stop')[1])
