# SPDX-License-Identifier: Apache-2.0
"""Tests of the agent's protocol: answers and rejections."""

import contextlib
import json
import os
import signal
import threading

from oslotest import base

from qinling.tests import fixtures
from qinling.tests.unit.runtimes import agents

HELLO = agents.package('hello')


class AgentTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.agent = self.useFixture(agents.Agent(max_body_size=agents.MIB))
        self.client = self.agent.connect()

    def check_refused(self, reply, status, part):
        self.assertEqual(status, reply.status)
        self.assertIn(part, reply.json['error'])

    def check_raw(self, request, status, part):
        """Check that a request is rejected and ends the connection."""
        self.check_refused(self.client.send(request), status, part)
        self.assertTrue(self.client.is_closed())


class TestLife(AgentTest):
    def test_agent_reports_start_and_readiness(self):
        self.assertEqual([b'started\n', b'ready\n'], self.agent.output_lines)
        self.assertEqual('', self.agent.complaint())

    def test_output_ends_after_readiness(self):
        self.client.load(HELLO)
        self.client.execute('you')
        self.agent.process.stdin.close()
        self.assertEqual(b'', self.agent.process.stdout.read())
        self.assertEqual(0, self.agent.process.wait(agents.PATIENCE))
        self.assertEqual('', self.agent.complaint())

    def test_end_of_lifeline_ends_everything(self):
        client = self.agent.loaded('processes', 'daemon_then_sleep')
        waiting = threading.Thread(target=self.try_to_execute,
                                   args=(client,))
        waiting.start()
        self.assertTrue(agents.wait_until(
            lambda: self.client.status()['busy'] == 1))
        pids = self.agent.executors(self.client)
        self.assertEqual(0, self.agent.stop())
        waiting.join()
        self.assertEqual([], [pid for pid in pids if agents.alive(pid)])

    def try_to_execute(self, client):
        # The agent may still answer that the process has ended.
        with contextlib.suppress(OSError):
            client.try_execute()

    def test_no_settings(self):
        agent = agents.Agent()
        agent.settings = {'secret': 'x', 'code': '/', 'bootstrap': ['/none'],
                          'listen': 'tcp:127.0.0.1:0'}
        self.useFixture(agent)
        self.assertEqual(b'', agent.output_lines[1])
        self.assertIn('The first executor failed', agent.complaint())

    def test_failed_bootstrap_is_reported_with_its_output(self):
        agent = self.useFixture(agents.Agent(
            bootstrap=['/bin/sh', '-c', 'echo sad words; exit 3']))
        self.assertEqual(b'', agent.output_lines[1])
        self.assertIn('sad words', agent.complaint())

    def test_interrupt_is_ignored(self):
        os.kill(self.agent.process.pid, signal.SIGINT)
        self.assertEqual(b'pong', self.client.call('GET', '/ping').body)

    def test_terminate_ends_all_processes(self):
        pids = self.agent.executors(self.client)
        self.assertEqual(1, len(pids))
        self.agent.process.terminate()
        self.assertEqual(0, self.agent.process.wait(agents.PATIENCE))
        self.assertFalse(agents.alive(pids[0]))


class TestConversation(AgentTest):
    def test_ping(self):
        reply = self.client.call('GET', '/ping')
        self.assertEqual((200, b'pong'), (reply.status, reply.body))

    def test_many_calls_on_one_connection(self):
        for _ in range(5):
            self.assertEqual(200, self.client.call('GET', '/ping').status)
        self.check_refused(self.client.call('GET', '/nothing'), 404,
                           'no such call')
        self.check_refused(self.client.call('POST', '/ping'), 404,
                           'no such call')
        self.assertEqual(200, self.client.call('GET', '/ping').status)

    def test_split_and_pipelined_requests(self):
        request = (b'GET /ping HTTP/1.1\r\nx-qinling-SECRET:  the secret '
                   b'\r\n\r\n')
        for piece in (request[:3], request[3:40], request[40:-1]):
            self.client.socket.sendall(piece)
        self.assertEqual(b'pong', self.client.send(
            request[-1:] + request).body)
        self.assertEqual(b'pong', self.client.receive().body)

    def test_body_in_pieces(self):
        line = b'{"function_id": 1}\n' + b'x' * 300000
        self.client.socket.sendall(
            b'POST /load HTTP/1.1\r\nX-Qinling-Secret: the secret\r\n'
            b'Content-Length: %d\r\n\r\n' % len(line) + line[:10])
        self.check_refused(self.client.send(line[10:]), 400, 'function_id')

    def test_expect_continue(self):
        self.client.socket.sendall(
            b'POST /execute HTTP/1.1\r\nX-Qinling-Secret: the secret\r\n'
            b'Content-Length: 2\r\nExpect: 100-continue\r\n\r\n')
        self.assertEqual(b'HTTP/1.1 100 Continue',
                         self.client._read_until(b'\r\n\r\n'))
        self.check_refused(self.client.send(b'{}'), 400, 'execution_id')

    def test_connection_close(self):
        self.client.call('GET', '/ping', Connection='close')
        self.assertTrue(self.client.is_closed())

    def test_wrong_secret(self):
        for secret in ('wrong', 'the secre', 'the secret.', None):
            client = self.agent.connect()
            self.check_refused(client.call('GET', '/ping',
                                           X_Qinling_Secret=secret), 403,
                               'secret')
            self.assertTrue(client.is_closed())

    def test_body_with_wrong_secret_is_not_read(self):
        self.check_raw(b'POST /load HTTP/1.1\r\nContent-Length: 1000\r\n\r\n',
                       403, 'secret')

    def test_long_header(self):
        self.check_raw(b'GET /ping HTTP/1.1\r\nX: ' + b'x' * 9000, 431,
                       'longer than 8192')

    def test_long_header_that_ends(self):
        self.check_raw(b'GET /ping HTTP/1.1\r\nX: ' + b'x' * 9000
                       + b'\r\n\r\n', 431, 'longer than 8192')

    def test_not_http(self):
        self.check_raw(b'HELO me\r\n\r\n', 400, 'HTTP/1.1')

    def test_old_http(self):
        self.check_raw(b'GET /ping HTTP/1.0\r\n\r\n', 400, 'HTTP/1.1')

    def test_malformed_header(self):
        self.check_raw(b'GET /ping HTTP/1.1\r\nno colon\r\n\r\n', 400,
                       'malformed')

    def test_duplicate_header(self):
        self.check_raw(b'POST /load HTTP/1.1\r\nContent-Length: 1\r\n'
                       b'Content-Length: 2\r\n\r\n', 400, 'twice')

    def check_length(self, line, status, part):
        self.check_raw(b'POST /execute HTTP/1.1\r\n'
                       b'X-Qinling-Secret: the secret\r\n' + line + b'\r\n',
                       status, part)

    def test_no_length(self):
        self.check_length(b'', 411, 'Content-Length')

    def test_odd_length(self):
        self.check_length(b'Content-Length: -1\r\n', 400, 'not a number')

    def test_endless_length(self):
        self.check_length(b'Content-Length: %s\r\n' % (b'9' * 5000), 400,
                          'not a number')

    def test_body_too_long(self):
        self.check_length(b'Content-Length: 1048577\r\n', 413, '1048576')

    def test_chunked_body(self):
        self.check_length(b'Transfer-Encoding: chunked\r\n', 501,
                          'Content-Length')

    def test_too_many_connections(self):
        connections = [self.agent.connect() for _ in range(63)]
        for connection in connections:
            self.assertEqual(200, connection.call('GET', '/ping').status)
        self.assertTrue(self.agent.connect().is_closed())
        connections[0].close()
        self.assertTrue(agents.wait_until(self.can_connect))

    def can_connect(self):
        try:
            return self.agent.connect().call('GET', '/ping').status == 200
        except OSError:
            return False


class TestCalls(AgentTest):
    def execute(self, **fields):
        body = {'execution_id': 'e', 'timeout': agents.PATIENCE, **fields}
        return self.client.call('POST', '/execute',
                                json.dumps(body).encode())

    def test_status_before_and_after(self):
        status = self.client.status()
        self.assertEqual('idle', status['state'])
        self.assertIsNone(status['function_id'])
        self.assertEqual((0, 0), (status['slots'], status['busy']))
        self.client.load(HELLO, function_id='the function',
                         function_version=3, slots=2)
        self.client.execute('you')
        status = self.client.status()
        self.assertEqual(
            ('loaded', 'the function', 3, 2, 0),
            (status['state'], status['function_id'],
             status['function_version'], status['slots'], status['busy']))
        self.assertEqual(1, len(status['executors']))
        self.assertEqual(1, status['executors'][0]['executions'])

    def test_load_and_execute(self):
        reply = self.client.load(HELLO)
        self.assertEqual((200, {'state': 'loaded'}),
                         (reply.status, reply.json))
        result = self.client.execute('you', execution_id='the id')
        self.assertEqual('success', result['status'])
        self.assertEqual('Hello, you', result['output'])
        self.assertIsInstance(result['duration'], float)
        self.assertTrue(0 < result['duration'] < agents.PATIENCE)
        self.assertEqual(
            'Start execution: the id\nHello is called\n'
            'Finished execution: the id\n', result['log'])

    def test_execute_before_load(self):
        self.check_refused(self.execute(), 409, 'is idle')

    def test_load_twice(self):
        self.client.load(HELLO)
        self.check_refused(self.client.load(HELLO), 409, 'loaded already')

    def test_load_without_line_feed(self):
        self.check_refused(self.client.call('POST', '/load', b'{}'), 400,
                           'line feed')

    def test_load_malformed_settings(self):
        self.check_refused(self.client.call('POST', '/load', b'{\n'), 400,
                           'not JSON')

    def test_load_several_packages(self):
        files = ({'main.py': 'import mine, theirs\n\n\ndef main():\n'
                             '    return mine.WORD, theirs.WORD\n',
                  'mine.py': 'WORD = 1\n'},
                 {'python_modules/mine.py': 'WORD = 2\n',
                  'python_modules/theirs.py': 'WORD = 3\n'})
        packages = [fixtures.archive(content) for content in files]
        for sizes in ([1, 2], [], [-1, len(packages[0])], 5, ['x'],
                      [len(packages[0])]):
            self.check_refused(self.client.load(
                b''.join(packages), entry='main.main', sizes=sizes),
                400, 'sizes')
        self.client.load(b''.join(packages), entry='main.main',
                         sizes=[len(archive) for archive in packages])
        self.assertEqual([1, 3], self.client.execute()['output'])

    def test_load_setting_of_a_wrong_type(self):
        self.check_refused(self.client.load(HELLO, slots='3'), 400, 'slots')
        self.assertEqual('idle', self.client.status()['state'])

    def test_bad_bodies_of_execute(self):
        self.client.load(HELLO)
        call = self.client.call
        self.check_refused(call('POST', '/execute', b''), 400, 'not JSON')
        self.check_refused(call('POST', '/execute', b'\xff'), 400, 'not JSON')
        self.check_refused(call('POST', '/execute', b'[' * 100000), 400,
                           'not JSON')
        self.check_refused(call('POST', '/execute', b'[]'), 400,
                           'not a JSON object')
        self.check_refused(self.execute(execution_id=None), 400,
                           'execution_id')
        self.check_refused(self.execute(execution_id=''), 400, 'execution_id')
        for timeout in (None, 0, -1, '5', True, 1e9):
            self.check_refused(self.execute(timeout=timeout), 400, 'timeout')
        self.check_refused(self.execute(args={}), 400, 'args')
        self.check_refused(self.execute(kwargs=[]), 400, 'kwargs')
        self.check_refused(self.execute(context='x'), 400, 'context')
        self.assertEqual('success', self.execute().json['status'])

    def test_cancel_of_an_unknown_execution(self):
        self.check_refused(self.client.call('POST', '/cancel',
                                            b'{"execution_id": "e"}'), 404,
                           'no such execution')


class TestSlots(AgentTest):
    def start(self, number):
        """Start a waiting execution; return the thread and a list for the
        outcome."""
        client, result = self.agent.connect(), []
        started = os.path.join(self.agent.directory, 'started%d' % number)
        thread = threading.Thread(target=lambda: result.append(
            client.execute(self.go, started, execution_id=str(number))))
        thread.start()
        self.addCleanup(thread.join)
        self.assertTrue(agents.wait_until(lambda: os.path.exists(started)))
        return thread, result

    def setUp(self):
        super().setUp()
        self.go = os.path.join(self.agent.directory, 'go')
        self.client.load(agents.package('state'), entry='main.wait_for',
                         slots=2)

    def test_concurrent_executions_are_limited_to_the_slots(self):
        running = [self.start(number) for number in range(2)]
        reply = self.client.try_execute(self.go, '/dev/null',
                                        execution_id='third')
        self.check_refused(reply, 503, 'All 2 slots')
        status = self.client.status()
        self.assertEqual(2, status['busy'])
        self.assertEqual({'0', '1'}, {executor['execution_id']
                                      for executor in status['executors']})
        open(self.go, 'w').close()
        for thread, _result in running:
            thread.join()
        outputs = {result[0]['output'] for _thread, result in running}
        self.assertEqual({executor['pid'] for executor in status['executors']},
                         outputs)
        self.assertEqual(0, self.client.status()['busy'])
        self.assertEqual('success', self.client.execute(
            self.go, '/dev/null')['status'])

    def test_the_same_execution_twice(self):
        self.start(1)
        reply = self.client.try_execute(self.go, '/dev/null',
                                        execution_id='1')
        self.check_refused(reply, 409, 'running already')
        open(self.go, 'w').close()

    def test_cancel_ends_one_execution(self):
        first, cancelled = self.start(1)
        second, remaining = self.start(2)
        reply = self.client.call('POST', '/cancel', b'{"execution_id": "1"}')
        self.assertEqual(200, reply.status)
        first.join()
        self.assertEqual(('failed', 'Function execution was cancelled.'),
                         (cancelled[0]['status'], cancelled[0]['output']))
        open(self.go, 'w').close()
        second.join()
        self.assertEqual('success', remaining[0]['status'])

    def test_idle_executor_that_died_is_replaced(self):
        open(self.go, 'w').close()
        pid = self.client.execute(self.go, '/dev/null')['output']
        os.kill(pid, signal.SIGKILL)
        self.assertTrue(agents.wait_until(lambda: not agents.alive(pid)))
        result = self.client.execute(self.go, '/dev/null')
        self.assertEqual('success', result['status'])
        self.assertNotEqual(pid, result['output'])
