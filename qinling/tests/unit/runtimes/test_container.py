# SPDX-License-Identifier: Apache-2.0
"""Tests of the agent as the program of a container."""

import hmac
import json
import os
import pathlib
import subprocess
import sys
import threading

import fixtures
from oslotest import base

from qinling.tests import ports
from qinling.tests.unit.runtimes import agents

HELLO = agents.package('hello')


class TestContainer(base.BaseTestCase):
    """Start of a container: a port, and settings in a file."""

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path

    def start(self, address, **environment):
        settings = os.path.join(self.directory, 'settings')
        code = os.path.join(self.directory, 'code')
        os.mkdir(code)
        with open(settings, 'w') as target:
            json.dump({'secret': 's', 'listen': address, 'code': code,
                       'processes': 0, 'bootstrap': [
                           sys.executable, '-I', '-u',
                           os.path.join(agents.DIRECTORY, 'python.py')]},
                      target)
        process = subprocess.Popen(
            [sys.executable, '-I', '-S',
             os.path.join(agents.DIRECTORY, 'agent.py'), settings],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait, agents.PATIENCE)
        self.addCleanup(process.terminate)
        return process

    def test_environment_adds_to_the_file(self):
        port = ports.free()
        process = self.start(
            'tcp:256.0.0.1:1', QINLING_LISTEN='tcp:[127.0.0.1]:%d' % port,
            QINLING_POOL_KEY='the key', QINLING_WORKER='the name',
            QINLING_SETTINGS='{"open_files": 77}')
        self.assertEqual(b'ready\n', process.stdout.readline())
        secret = hmac.new(b'the key', b'the name', 'sha256').hexdigest()
        client = agents.Client(('127.0.0.1', port), secret)
        self.addCleanup(client.close)
        client.load(agents.zipped({'main.py': (
            'import os, resource\n'
            'def main():\n'
            '    return (dict(os.environ),\n'
            '            resource.getrlimit(resource.RLIMIT_NOFILE))\n')}))
        environment, files = client.execute()['output']
        self.assertEqual([77, 77], files)
        # The key would open every worker of the pool.
        self.assertNotIn('the key', str(environment))
        stranger = agents.Client(('127.0.0.1', port), 's')
        self.addCleanup(stranger.close)
        self.assertEqual(403, stranger.call('GET', '/ping').status)

    def test_serves_until_sigterm(self):
        port = ports.free()
        process = self.start('tcp:127.0.0.1:%d' % port)
        self.assertEqual(b'ready\n', process.stdout.readline())
        client = agents.Client(('127.0.0.1', port), 's')
        self.addCleanup(client.close)
        client.load(HELLO)
        self.assertEqual('Hello, you', client.execute('you')['output'])
        pid = client.status()['executors'][0]['pid']
        client.close()
        process.terminate()
        self.assertEqual(0, process.wait(agents.PATIENCE))
        self.assertFalse(agents.alive(pid))

    def wait_until(self, condition):
        self.assertTrue(agents.wait_until(condition))

    def connect(self, port):
        client = agents.Client(('127.0.0.1', port), 's')
        self.addCleanup(client.close)
        return client

    def test_sigterm_lets_executions_finish(self):
        port = ports.free()
        process = self.start('tcp:127.0.0.1:%d' % port)
        process.stdout.readline()
        first, second = self.connect(port), self.connect(port)
        first.load(agents.zipped({'main.py': (
            'import os, pathlib, time\n'
            'def main(path):\n'
            '    pathlib.Path(path, "started").touch()\n'
            '    while not os.path.exists(path + "/go"):\n'
            '        time.sleep(0.01)\n'
            '    return "done"\n')}), slots=2)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(
            first.execute(self.directory)))
        thread.start()
        self.wait_until(lambda: os.path.exists(self.directory + '/started'))
        process.terminate()
        self.wait_until(lambda: second.load(
            HELLO).status == 503)
        pathlib.Path(self.directory, 'go').touch()
        thread.join(agents.PATIENCE)
        self.assertEqual('done', answers[0]['output'])
        first.close()
        second.close()
        self.assertEqual(0, process.wait(agents.PATIENCE))

    def test_sigterm_with_an_idle_client(self):
        port = ports.free()
        process = self.start('tcp:127.0.0.1:%d' % port)
        process.stdout.readline()
        client = self.connect(port)
        client.load(HELLO)
        process.terminate()
        self.wait_until(lambda: client.load(
            HELLO).status == 503)
        # The client stays; the agent waits only for a while.
        self.assertEqual(0, process.wait(agents.PATIENCE))

    def test_unusable_address(self):
        process = self.start('tcp:256.0.0.1:1')
        self.assertEqual(b'', process.stdout.readline())
        self.assertNotEqual(0, process.wait(agents.PATIENCE))
