# SPDX-License-Identifier: Apache-2.0
"""Tests of templates: executors that fork, and imports that prevent forks."""

import os
import signal
import socket
import struct
import threading
from unittest import mock

from oslotest import base

from qinling.runtimes import agent_confinement
from qinling.runtimes import agent_processes
from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import executions

# The import takes longer than the least time of a template.
SLOW = ('import time\nend = time.process_time() + 0.03\n'
        'while time.process_time() < end: pass\n')
MAIN = SLOW + '''
import os
IMPORTED_BY = [os.stat('/proc/self').st_ino]
def main(path=None):
    print('called')
    while path and not os.path.exists(path):
        time.sleep(0.001)
    return [IMPORTED_BY, os.getpid(), value()]
def value():
    return None
'''
CALLED = ['called']


class TemplateTest(executions.ExecutionTest):
    def load(self, source, **files):
        self.agent = self.useFixture(agents.Agent())
        self.client = self.agent.connect()
        reply = self.client.load(agents.zipped({
            'main.py': source, **{name.replace('__', '/') + '.py': text
                                  for name, text in files.items()}}))
        self.assertEqual(200, reply.status, reply.body)

    def run_two(self):
        """Return the outcomes of two executions at the same time."""
        path = os.path.join(self.agent.directory, 'go')
        client, outcomes = self.agent.connect(), []
        thread = threading.Thread(target=lambda: outcomes.append(
            client.execute(path=path, execution_id='other')))
        thread.start()
        try:
            self.assertTrue(agents.wait_until(
                lambda: [item for item in self.client.status()['executors']
                         if item['execution_id'] and item['executions']]))
            outcomes.insert(0, self.client.execute())
        finally:
            with open(path, 'w'):
                pass
            thread.join()
        for outcome in outcomes:
            self.assertEqual('success', outcome['status'], outcome)
        return outcomes

    def check_forks(self, source, **files):
        """Check that the second executor imports nothing."""
        self.load(source, **files)
        second, first = self.run_two()
        self.assertGreater(first['import_ms'], 25)
        self.assertIsNone(second['import_ms'])
        pids = [item['pid'] for item in self.client.status()['executors']]
        pids.append(self.client.status()['template'])
        self.assertEqual(3, len(set(pids)))
        self.assertEqual({first['output'][1], second['output'][1]},
                         set(pids[:2]))
        return first, second

    def check_imports(self, source, **files):
        """Check that each executor imports the function."""
        self.load(source, **files)
        for outcome in self.run_two():
            self.assertGreater(outcome['import_ms'], 25)
        self.assertIsNone(self.client.status()['template'])


class TestForks(TemplateTest):
    def test_import_happens_once(self):
        first, second = self.check_forks(MAIN)
        self.assertEqual(first['output'][0], second['output'][0])
        for outcome in first, second:
            self.assertEqual(CALLED, self.log(outcome))

    def test_log_of_the_import_is_of_the_first_execution(self):
        self.load(MAIN + 'print("imported", flush=True)\n')
        second, first = self.run_two()
        self.assertEqual(['imported', 'called'], self.log(first))
        self.assertEqual(CALLED, self.log(second))

    def test_fast_import(self):
        self.load('import os\ndef main(): return os.getpid()\n')
        self.client.execute()
        self.assertIsNone(self.client.status()['template'])

    def test_failed_import(self):
        self.load(SLOW + 'def main(): pass\nraise ValueError("no luck")\n')
        self.check_fails('no luck')
        self.assertIsNone(self.client.status()['template'])

    def test_coroutine(self):
        self.check_forks(MAIN.replace('def main', 'async def main'))

    def test_after_a_timeout(self):
        self.load(MAIN)
        template = self.client.execute() and self.client.status()['template']
        outcome = self.client.execute(path='/never', timeout=0.01)
        self.assertEqual('failed', outcome['status'])
        outcome = self.client.execute()
        self.assertIsNone(outcome['import_ms'])
        self.assertEqual(template, self.client.status()['template'])

    def test_dead_template(self):
        self.load(MAIN)
        self.client.execute()
        template = self.client.status()['template']
        os.kill(template, signal.SIGKILL)
        second, _first = self.run_two()
        self.assertGreater(second['import_ms'], 25)
        self.assertNotEqual(template, self.client.status()['template'])
        self.assertFalse(agents.alive(template))

    def test_end_of_the_worker(self):
        self.load(MAIN)
        self.run_two()
        status = self.client.status()
        self.agent.stop()
        for pid in (status['template'],
                    *(item['pid'] for item in status['executors'])):
            self.assertTrue(agents.wait_until(lambda: not agents.alive(pid)))

    def test_descriptors_are_those_of_other_executors(self):
        listing = 'def value(): return sorted(os.listdir("/proc/self/fd"))\n'
        first, second = self.check_forks(MAIN + listing)
        self.assertEqual(first['output'][2], second['output'][2])
        self.load((MAIN + listing).replace(SLOW, 'import time\n'))
        self.assertEqual(first['output'][2],
                         self.client.execute()['output'][2])


class TestUniqueness(TemplateTest):
    def check_differs(self, source, **files):
        first, second = self.check_forks(MAIN + source, **files)
        self.assertNotEqual(first['output'][2], second['output'][2])

    def test_global_generator(self):
        self.check_differs('import random\nrandom.random()\n'
                           'value = random.random\n')

    def test_generator_of_a_library(self):
        self.check_differs(
            'import library\nvalue = lambda: library.rng.random()\n',
            python_modules__library='import random\nrng = random.Random()\n')

    def test_generator_in_a_default_of_a_library(self):
        self.check_differs(
            'import library\nvalue = library.draw\n',
            python_modules__library='import random\ndef draw(*, '
            'rng=random.Random()): return rng.random()\n')

    def test_identifier_of_a_library(self):
        self.check_forks(
            MAIN + 'import library\n',
            python_modules__library='import uuid\nNAME = uuid.uuid4()\n')

    def test_library_beside_the_function(self):
        self.agent = self.useFixture(agents.Agent())
        self.client = self.agent.connect()
        self.client.load(agents.zipped({
            'main.py': MAIN + 'import library\n',
            'library/__init__.py': 'import os\nKEY = os.urandom(8)\n',
            'library-1.0.dist-info/RECORD': 'library/__init__.py,,\n'}))
        self.assertIsNone(self.run_two()[0]['import_ms'])

    def test_own_identifiers(self):
        for line in ('import uuid; NAME = uuid.uuid4()',
                     'import uuid; NAME = uuid.uuid1()',
                     'import secrets; NAME = secrets.token_hex()',
                     'PID = os.getpid()', 'KEY = os.urandom(8)',
                     'import tempfile; PATH = tempfile.mkdtemp()'):
            self.check_imports(MAIN + line)

    def test_own_module_with_an_identifier(self):
        self.check_imports(MAIN + 'import names\n', names=(
            'import uuid\nNAME = uuid.uuid4()\n'))

    def test_own_generators(self):
        for line in ('rng = random.Random(7)',
                     'class Holder: rng = random.Random()',
                     'def f(rng=random.Random()): pass'):
            self.check_imports('%simport random\n%s\n' % (MAIN, line))

    def test_log_at_import_is_no_identifier(self):
        self.check_forks(MAIN + 'import logging\nlogging.error("hello")\n')


class TestSharedState(TemplateTest):
    def test_thread(self):
        self.check_imports(
            MAIN + 'import threading\nthreading.Thread(target='
            'threading.Event().wait, daemon=True).start()\n')

    def test_child(self):
        self.check_imports(MAIN + 'import subprocess\nchild = '
                           'subprocess.Popen(["/bin/sleep", "600"])\n')

    def test_files(self):
        for value in ('socket.socket()', 'open(__file__)', 'select.epoll()',
                      'os.pipe()'):
            self.check_imports(MAIN + 'import select, socket\n'
                               'kept = %s\n' % value)

    def test_harmless_file(self):
        self.check_forks(MAIN + 'null = open("/dev/null")\n')

    def test_shared_memory(self):
        self.check_imports(MAIN + 'import mmap\nm = mmap.mmap(-1, 4096)\n')


class TestRequests(base.BaseTestCase):
    """Tests of answers that no template gives."""

    def setUp(self):
        super().setUp()
        self.tree = agent_processes.ProcessTree(
            agent_confinement.Confinement())
        self.channel, self.remote = socket.socketpair()
        self.addCleanup(self.channel.close)
        self.addCleanup(self.remote.close)

    def fork(self):
        return self.tree.fork(1, self.channel, b'request', ())

    def test_no_answer(self):
        with mock.patch.object(agent_processes, 'FORK_SECONDS', 0.01):
            self.assertRaises(TimeoutError, self.fork)

    def test_refusal(self):
        text = b'{"fork": false}'
        self.remote.send(struct.pack('>I', len(text)) + text)
        self.assertRaises(OSError, self.fork)

    def test_process_that_is_no_child_of_the_agent(self):
        self.channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.remote.send(agent_processes.EMPTY_FRAME)
        self.assertRaises(ChildProcessError, self.fork)

    def test_registered_process(self):
        self.channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.remote.send(agent_processes.EMPTY_FRAME)
        self.tree._started.add(os.getpid())
        self.assertRaises(BlockingIOError, self.fork)

    def test_end_of_the_worker(self):
        self.tree.stop()
        self.assertRaises(ProcessLookupError, self.fork)

    def test_closed_channel(self):
        self.remote.close()
        self.assertRaises(BrokenPipeError, self.fork)
