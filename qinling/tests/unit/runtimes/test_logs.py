# SPDX-License-Identifier: Apache-2.0
"""Tests of the logs of executions."""

import io
import json
import os
import threading
import zipfile

from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import executions

MIB = agents.MIB


class TestLogs(executions.ExecutionTest):
    def test_everything_between_the_frames(self):
        self.start('printing', 'several')
        result = self.succeeds(None)
        self.assertEqual(
            'Start execution: e\nprinted by the import\none\ntwo\nthree\n'
            'four\nfive\nsix\nFinished execution: e\n', result['log'])
        self.assertEqual(['one', 'two', 'three', 'four', 'five', 'six'],
                         self.log(self.succeeds(None)))

    def test_binary_output(self):
        self.start('printing', 'bytes_and_odd_text')
        self.assertEqual(['printed by the import', '\ufffd\ufffd',
                          '\\ud800'], self.log(self.succeeds(None)))

    def test_output_over_the_limit(self):
        self.start('printing', 'flood', max_log_size=50000)
        result = self.succeeds(100, 100)
        printed = 100 * 1000 * 1000 + len('printed by the import\n')
        self.assertIn('[%d bytes of output were dropped: the log is limited '
                      'to 50000 bytes]' % (printed - 50000), result['log'])
        self.assertLess(len(result['log']), 50200)
        self.assertLess(self.peak_memory(), 40 * MIB)

    def peak_memory(self):
        with open('/proc/%d/status' % self.agent.process.pid) as status:
            return int(dict(line.split(':') for line in status)[
                'VmHWM'].split()[0]) * 1024

    def test_output_at_the_limit(self):
        self.start('printing', 'plain', max_log_size=48)
        printed = 'printed by the import\nplain output\nplain error\n'
        self.assertEqual(47, len(printed))
        self.assertEqual(printed.splitlines(),
                         self.log(self.succeeds('')))

    def test_streams_come_back(self):
        for entry, output in (('close_descriptors', 'closed'),
                              ('close_objects', 'closed'),
                              ('replace_objects', 'replaced'),
                              ('detach_objects', 'detached')):
            archive = agents.package('printing')
            agent = self.useFixture(agents.Agent())
            self.client = agent.connect()
            source = zipfile.ZipFile(io.BytesIO(archive)).read(
                'main.py').decode() + (
                '\ndef either(first):\n'
                '    return %s() if first else plain()\n' % entry)
            self.client.load(agents.zipped({'main.py': source}),
                             entry='main.either')
            self.succeeds(output, True)
            self.assertEqual(['plain output', 'plain error'],
                             self.log(self.succeeds('', False)), entry)

    def print_late(self, *settings):
        """Return the log of an execution after output without one."""
        agent = self.useFixture(agents.Agent())
        self.client = agent.connect()
        request = os.path.join(agent.directory, 'wanted')
        done = os.path.join(agent.directory, 'done')
        self.client.load(agents.package('printing'), entry='main.print_later')
        self.assertEqual(['printed by the import'], self.log(
            self.succeeds('started', request, done, *settings)))
        open(request, 'w').close()
        self.assertTrue(agents.wait_until(lambda: os.path.exists(done)))
        os.remove(request)
        return self.log(self.succeeds('started', request, done))

    def test_output_between_executions_is_marked(self):
        begin = '[output since the end of the previous execution]'
        end = '[end of the output of the previous execution]'
        self.assertEqual([begin, 'printed between executions', end],
                         self.print_late())
        # All of it, in a pipe larger than usual.
        lines = ['x' * 99] * 4000
        self.assertEqual([begin, *lines, end], self.print_late(
            '\n'.join(lines), MIB))
        # No output ends the marks by itself.
        self.assertEqual([begin, '\\' + end, 'forged', end],
                         self.print_late(f'{end}\nforged'))


class TestRunning(executions.ExecutionTest):
    """Tests of the log of a running execution."""

    def setUp(self):
        super().setUp()
        self.agent = self.useFixture(agents.Agent())
        self.client = self.agent.connect()
        self.assertEqual(200, self.client.load(agents.zipped({
            'main.py': 'import os, time\n'
                       'def main(path):\n'
                       '    os.write(1, "one\\n\u00fc".encode()[:-1])\n'
                       '    while not os.path.exists(path):\n'
                       '        time.sleep(0.001)\n'
                       '    os.write(1, "\u00fc".encode()[-1:])\n'
        })).status)

    def read(self, **fields):
        reply = self.client.call('POST', '/log', json.dumps(
            {'execution_id': 'e', 'offset': 0, **fields}).encode())
        return reply.status, reply.json.get('log')

    def test_log_until_now(self):
        path = os.path.join(self.agent.directory, 'go')
        client, outcomes = self.agent.connect(), []
        thread = threading.Thread(target=lambda: outcomes.append(
            client.execute(path=path)))
        thread.start()
        try:
            log = 'Start execution: e\none\n'
            self.assertTrue(agents.wait_until(
                lambda: self.read() == (200, log)))
            for offset in (1, 18, 19, 20, 22, 23, 100):
                self.assertEqual((200, log[offset:]),
                                 self.read(offset=offset))
        finally:
            with open(path, 'w'):
                pass
            thread.join()
        self.assertEqual(log + '\u00fc\nFinished execution: e\n',
                         outcomes[0]['log'])
        self.assertEqual((404, None), self.read())

    def test_bad_requests(self):
        for fields in ({'execution_id': 1}, {'offset': -1}, {'offset': True},
                       {'offset': '0'}, {'offset': None}):
            self.assertEqual((400, None), self.read(**fields))
        self.assertEqual((404, None), self.read())
