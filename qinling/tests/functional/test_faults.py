# SPDX-License-Identifier: Apache-2.0
"""Tests of harmful functions: each harms a single execution."""

import contextlib
import os
import pathlib
import signal
import socket
import threading

from oslotest import base

from qinling.runtimes import agent_environment
from qinling.tests.functional import base as servers
from qinling.tests.functional import loads

TIMEOUT = 'Function execution timeout.'
CONSUMPTION = ('Function execution failed because of too much resource '
               'consumption')
#: reason -> (source, output, words of the sentence that the user reads)
EXCEEDING = {
    'crashed': ('import os; os._exit(3)', CONSUMPTION, 'status 3'),
    'out_of_memory': ('len(b"x" * (200 << 20))', CONSUMPTION, '32 MiB'),
    'out_of_processes': (
        'import threading, time\n    while True: threading.Thread('
        'target=time.sleep, args=(60,), daemon=True).start()',
        CONSUMPTION, 'processes or threads'),
    'timeout': ('import time; time.sleep(60)', TIMEOUT, '2 s.'),
}
#: entry -> (source, words of the sentence that the user reads)
BROKEN = {
    'files': ('kept = [open("/dev/null") for _ in range(5000)]',
              'Too many open files'),
    'large': ('f = open("/tmp/x", "wb")\n    while True: '
              'f.write(b"x" * (1 << 20))', ''),
    'spins': ('while True: pass', TIMEOUT),
    'unserialisable': ('return object()', 'object'),
    'nan': ('return float("nan")', ''),
    'too_much': ('return "x" * (7 << 20)', 'the limit is 6291456 bytes'),
    'quits': ('import sys; sys.exit(1)', 'SystemExit'),
}
#: entry -> (package, words of the sentence)
UNLOADABLE = {
    'main.missing': ('x = 1\n', 'missing'),
    'nothing.main': ('x = 1\n', 'nothing'),
    'main': ('x = 1\n', 'main'),
    'main.x': ('x = 1\n', 'x'),
    'main.main': ('def main(:\n', 'main.py'),
    'main.needs': ('import not_there\n', 'not_there'),
}


class TestFaults(servers.Shared, base.BaseTestCase):
    """Tests of faults of functions, seen through the API."""

    @staticmethod
    def make_server():
        return servers.Standalone(resource_limits={'max_memory': 256 << 20},
                                  process={'tmp_size': 16},
                                  sources={'check_syntax': False})

    def check_fails(self, code, words, entry='main.main', **fields):
        """Run failing code and check the words of the error."""
        function = self.client.create(code, entry=entry, **fields)['id']
        row = self.client.run(function)
        self.assertEqual('failed', row['status'], (code, row))
        self.assertIn(words, servers.output(row), code)
        self.assertNotEqual('', servers.output(row), code)
        self.client.call('POST', f'/v1/functions/{function}/detach')
        return row

    def check_works(self):
        """Check that the server runs a sound function."""
        function = self.client.create('def main(**k): return 1\n')['id']
        self.assertEqual(1, servers.output(self.client.run(function)))

    def test_broken_functions(self):
        for name, (line, words) in BROKEN.items():
            # Short only where it must elapse.
            timeout = 2 if 'timeout' in words else 60
            self.check_fails(f'def main(**kwargs):\n    {line}\n', words,
                             timeout=timeout)
        self.check_works()

    def test_unloadable_functions(self):
        for entry, (code, words) in UNLOADABLE.items():
            self.check_fails(code, words, entry)
        self.check_works()

    def test_fork_bomb(self):
        self.check_fails('import os\n\n\ndef main(**kwargs):\n'
                         '    while True: os.fork()\n', '', timeout=2)
        self.check_works()

    def test_much_output_is_cut(self):
        function = self.client.create(
            'def main(**k):\n    for _ in range(100):\n'
            '        print("x" * (1 << 20))\n    return "done"\n',
            timeout=60)['id']
        row = self.client.run(function)
        self.assertEqual('done', servers.output(row))
        log = self.client.log(row['id'])
        self.assertLess(len(log), 2 << 20)
        self.assertIn('dropped', log[-300:])

    def test_fixed_outputs(self):
        for reason, (line, output, words) in EXCEEDING.items():
            row = self.check_fails(
                f'def main(**kwargs):\n    {line}\n', output,
                timeout=2 if reason == 'timeout' else 60)
            self.assertEqual((reason, output),
                             (row['reason'], servers.output(row)))
            self.assertIn(words, row['detail'])
        row = self.check_fails('def main(**k): raise ValueError("why")\n',
                               'why')
        self.assertEqual(('user_error', None), (row['reason'], row['detail']))

    def test_closed_output(self):
        function = self.client.create(
            'import os, sys\n\n\ndef main(**k):\n    sys.stdout.close()\n'
            '    os.close(1)\n    os.close(2)\n    return "fine"\n')['id']
        for _ in range(2):
            self.assertEqual('fine',
                             servers.output(self.client.run(function)))

    def test_memory_limit_is_the_functions(self):
        code = 'def main(**k): return len(b"x" * (80 << 20))\n'
        self.check_fails(code, 'too much resource consumption')
        function = self.client.create(code, memory_size=96 << 20)['id']
        row = self.client.run(function)
        self.assertEqual('success', row['status'], row)

    def test_server_is_out_of_reach(self):
        state = self.server.state
        reads = [str(state / 'qinling.db'), str(state), '/etc/shadow',
                 __file__, '/home', '/boot', '/var/log',
                 f'/proc/{self.server.program.process.pid}/environ']
        function = self.client.create(
            'import os\n\n\ndef main(paths, **kwargs):\n    found = []\n'
            '    for path in paths:\n        try:\n'
            '            os.listdir(path) if os.path.isdir(path) '
            'else open(path).read(1)\n'
            '            if not os.path.isdir(path) or os.listdir(path):\n'
            '                found.append(path)\n'
            '        except OSError:\n            pass\n'
            '    return [found, dict(os.environ), os.getuid()]\n')['id']
        readable, environment, _ = servers.output(
            self.client.run(function, {'paths': reads}))
        self.assertEqual([], readable)
        self.assertLessEqual(
            set(environment),
            {'PATH', 'HOME', 'LANG', 'TMPDIR', 'LC_CTYPE', 'PWD',
             'UV_THREADPOOL_SIZE', *agent_environment.THREAD_NAMES})

    def test_nothing_is_written_outside(self):
        function = self.client.create(
            'def main(paths, **kwargs):\n    done = []\n'
            '    for path in paths:\n        try:\n'
            '            open(path + "/mark", "w").close()\n'
            '            done.append(path)\n'
            '        except OSError:\n            pass\n'
            '    return done\n')['id']
        row = self.client.run(function, {'paths': [
            '/', '/usr', '/etc', '/var', '/root', '/home', '/qinling',
            str(self.server.state), '/dev', '/proc', '/sys', '/tmp']})
        self.assertLessEqual(set(servers.output(row)), {'/tmp', '/dev'})
        self.assertIn('/tmp', servers.output(row))

    def test_network_is_refused(self):
        with socket.create_server(('127.0.0.1', 0)) as listener:
            function = self.client.create(
                'import socket\n\n\ndef main(port, **kwargs):\n'
                '    socket.create_connection(("127.0.0.1", port), 30)\n'
                '    return "connected"\n')['id']
            row = self.client.run(
                function, {'port': listener.getsockname()[1]})
        self.assertEqual('failed', row['status'], row)

    def test_network_by_option(self):
        server = self.useFixture(servers.Standalone(
            process={'allow_network': True}))
        with socket.create_server(('127.0.0.1', 0)) as listener:
            function = server.client.create(
                'import socket\n\n\ndef main(port, **kwargs):\n'
                '    socket.create_connection(("127.0.0.1", port), 30)\n'
                '    return "connected"\n')['id']
            row = server.client.run(
                function, {'port': listener.getsockname()[1]})
        self.assertEqual('connected', servers.output(row))

    def test_worker_killed(self):
        function = self.client.create(
            loads.WAITER, timeout=100)['id']
        rows = []
        thread = threading.Thread(
            target=lambda: rows.append(
                self.client.run(function, {'seconds': 60})))
        thread.start()
        # Before, another worker would get it.
        servers.wait_for(self.server.sleepers, 'the function')
        # Which of them serves is not known from outside: all must go.
        for pid in self.server.processes():
            # One may end meanwhile, or with the one that was killed before.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if b'agent.py' in pathlib.Path(
                        f'/proc/{pid}/cmdline').read_bytes():
                    os.kill(pid, signal.SIGKILL)
        thread.join(servers.PATIENCE)
        self.assertEqual(['error'], [row['status'] for row in rows])
        self.assertIn('worker died', servers.output(rows[0]))
        self.check_works()
