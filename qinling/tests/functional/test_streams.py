# SPDX-License-Identifier: Apache-2.0
"""Streamed outputs of functions."""

import http.client
import json
import urllib.parse

from oslotest import base

from qinling.tests.functional import base as servers

WAITER = ('import time\n\n\ndef main(**_input):\n'
          '    yield "h\u00e9llo"\n    time.sleep(600)\n')
TEXTS = ('async def main(count=3, fails=False):\n'
         '    for number in range(count):\n        yield f"{number} "\n'
         '    if fails:\n        raise ValueError("too bad")\n')
VALUES = 'def main():\n    yield {"n": 1}\n    yield [2]\n'
HEAD = ('def main(**_input):\n    yield {"status_code": 203, "headers": '
        '{"Content-Type": "text/event-stream"}}\n'
        '    yield "data: a\\n\\n"\n    yield b"data: b\\n\\n"\n')
EVENTS, TEXT = 'text/event-stream', 'text/plain'


class Streams(servers.Shared):
    """Tests of streams; a subclass has a server."""

    def request(self, path, body, **headers):
        """Return the answer whose body grows."""
        url = urllib.parse.urlsplit(self.client.url)
        self.connection = http.client.HTTPConnection(
            url.hostname, url.port, timeout=servers.PATIENCE)
        self.addCleanup(self.connection.close)
        self.connection.request(
            'POST', path, json.dumps(body),
            {'Content-Type': 'application/json', **headers})
        answer = self.connection.getresponse()
        self.addCleanup(answer.close)
        return answer

    def open(self, code, accept=EVENTS, input=None, **fields):
        function = self.client.create(code, timeout=300)['id']
        answer = self.request('/v1/executions', {
            'function_id': function, 'input': input, **fields},
            Accept=accept)
        self.assertEqual(201, answer.status)
        self.started = answer.headers['X-Qinling-Execution-Id']
        return answer

    def next_event(self, answer):
        """Return the name and the data of the next event."""
        line = answer.readline()
        while line.startswith(b':'):
            answer.readline()
            line = answer.readline()
        if not line:
            return None
        name = line.decode().removeprefix('event: ').rstrip()
        data = json.loads(answer.readline().partition(b':')[2])
        self.assertEqual(b'\n', answer.readline())
        return name, data

    def events(self, answer):
        return list(iter(lambda: self.next_event(answer), None))

    def texts(self, events):
        return ''.join(data['text'] for name, data in events
                       if name == 'output')

    def row(self):
        return self.client.wait_for_end(self.started)

    def test_part_comes_before_the_end(self):
        answer = self.open(WAITER)
        self.assertEqual(EVENTS, answer.headers.get_content_type())
        self.assertEqual(('start', {'id': self.started}),
                         self.next_event(answer))
        self.assertEqual(('output', {'text': 'h\u00e9llo'}),
                         self.next_event(answer))
        self.assertEqual('running', self.client.get(
            f'/v1/executions/{self.started}')['status'])
        self.client.call('POST', f'/v1/executions/{self.started}/cancel')
        (name, data), = self.events(answer)
        self.assertEqual(('end', 'cancelled'), (name, data['status']))

    def test_success(self):
        events = self.events(self.open(TEXTS))
        self.assertEqual(('end', {'status': 'success'}), events[-1])
        self.assertEqual('0 1 2 ', self.texts(events))
        row = self.row()
        self.assertEqual(('success', '0 1 2 '),
                         (row['status'], servers.output(row)))

    def test_failure_after_parts(self):
        events = self.events(self.open(TEXTS, input={'fails': True}))
        self.assertEqual('0 1 2 ', self.texts(events))
        self.assertEqual(('end', {
            'status': 'failed', 'reason': 'user_error', 'detail': None,
            'output': 'too bad'}), events[-1])
        self.assertEqual('failed', self.row()['status'])

    def test_values(self):
        events = self.events(self.open(VALUES))
        self.assertEqual([('output', {'value': {'n': 1}}),
                          ('output', {'value': [2]})], events[1:-1])
        self.assertEqual([{'n': 1}, [2]], servers.output(self.row()))

    def test_text(self):
        answer = self.open(TEXTS, accept=TEXT)
        self.assertEqual(TEXT, answer.headers.get_content_type())
        self.assertEqual(b'0 1 2 ', answer.read())

    def test_text_of_a_failure_is_cut_off(self):
        answer = self.open(TEXTS, accept=TEXT, input={'fails': True})
        error = self.assertRaises(http.client.IncompleteRead, answer.read)
        self.assertEqual(b'0 1 2 ', error.partial)

    def test_text_of_a_failure_before_the_first_part(self):
        answer = self.open(TEXTS, accept=TEXT, input={
            'count': 0, 'fails': True})
        self.assertRaises(http.client.IncompleteRead, answer.read)
        self.assertEqual('too bad', servers.output(self.row()))

    def test_large_output(self):
        answer = self.open(TEXTS, accept=TEXT, input={'count': 20000})
        expected = ''.join(f'{number} ' for number in range(20000))
        self.assertEqual(expected, answer.read().decode())
        self.assertEqual(expected, servers.output(self.row()))

    def test_client_without_a_stream(self):
        function = self.client.create(TEXTS)['id']
        row = self.client.run(function)
        self.assertEqual('0 1 2 ', servers.output(row))
        row = self.client.run(function, sync=False)
        row = self.client.wait_for_end(row['id'])
        self.assertEqual('0 1 2 ', servers.output(row))

    def test_function_without_a_stream(self):
        events = self.events(self.open('def main():\n    return {"n": 1}\n'))
        self.assertEqual([('output', {'value': {'n': 1}}),
                          ('end', {'status': 'success'})], events[1:])

    def test_client_that_leaves_cancels(self):
        answer = self.open(WAITER, cancel_on_disconnect=True)
        self.next_event(answer)
        self.next_event(answer)
        answer.close()
        self.connection.close()
        self.assertEqual('cancelled', self.row()['status'])

    def deliver(self, code, mode='continue', sync=True):
        function = self.client.create(code)['id']
        webhook = self.client.call('POST', '/v1/webhooks', {
            'function_id': function, 'sync': sync, 'stream': mode})[1]
        answer = self.request(f'/v1/webhooks/{webhook["id"]}/invoke', {})
        self.started = answer.headers['X-Qinling-Execution-Id']
        return answer

    def test_webhook(self):
        answer = self.deliver(HEAD)
        self.assertEqual((203, EVENTS, 'chunked'), (
            answer.status, answer.headers['Content-Type'],
            answer.headers['Transfer-Encoding']))
        self.assertEqual(b'data: a\n\ndata: b\n\n', answer.read())
        self.assertEqual(
            {'status_code': 203, 'headers': {'Content-Type': EVENTS},
             'body': 'data: a\n\ndata: b\n\n'},
            servers.output(self.row()))

    def test_webhook_without_a_stream(self):
        answer = self.deliver(HEAD, 'off')
        self.assertEqual((203, '18'), (
            answer.status, answer.headers['Content-Length']))
        self.assertEqual(b'data: a\n\ndata: b\n\n', answer.read())

    def test_asynchronous_webhook(self):
        self.assertEqual(202, self.deliver(HEAD, sync=False).status)
        self.assertEqual('success', self.row()['status'])

    def test_webhook_of_a_failure(self):
        answer = self.deliver('def main(**_input):\n    yield "a"\n'
                              '    raise ValueError\n')
        error = self.assertRaises(http.client.IncompleteRead, answer.read)
        self.assertEqual(b'a', error.partial)
        answer = self.deliver('def main(**_input):\n    raise ValueError\n'
                              '    yield "a"\n')
        self.assertEqual(502, answer.status)

    def test_sender_that_leaves_cancels(self):
        answer = self.deliver(WAITER, 'cancel')
        self.assertEqual('h\u00e9llo'.encode(), answer.read1())
        answer.close()
        self.connection.close()
        self.assertEqual('cancelled', self.row()['status'])

    def test_sender_that_leaves_does_not_cancel(self):
        answer = self.deliver(WAITER)
        answer.read1()
        answer.close()
        self.connection.close()
        status, row = self.client.call(
            'POST', f'/v1/executions/{self.started}/cancel')
        self.assertEqual((200, 'cancelled'), (status, row['status']))


class TestStandalone(Streams, base.BaseTestCase):
    @staticmethod
    def make_server():
        return servers.Standalone()


class TestOneProcess(Streams, base.BaseTestCase):
    @staticmethod
    def make_server():
        return servers.Standalone(DEFAULT={'runtimes': 'python3',
                                           'processes': 1})


class TestDirect(Streams, base.BaseTestCase):
    @staticmethod
    def make_server():
        return servers.Cloud(engines=2)


class TestBus(Streams, base.BaseTestCase):
    @staticmethod
    def make_server():
        return servers.Cloud(engines=2, direct={'enabled': False})
