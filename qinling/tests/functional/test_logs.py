# SPDX-License-Identifier: Apache-2.0
"""Logs of running executions."""

import http.client
import json
import urllib.parse

from oslotest import base

from qinling.tests.functional import base as servers

WAITER = ('import time\n\n\ndef main(word):\n'
          '    print(word, flush=True)\n    time.sleep(600)\n')


class LiveLogs:
    """Tests of streams; a subclass has a server."""

    def setUp(self):
        super().setUp()
        self.client = self.start().client
        self.function = self.client.create(WAITER, timeout=300)['id']

    def run_waiter(self):
        """Return the id of an execution that ends when it is cancelled."""
        return self.client.run(
            self.function, {'word': 'h\u00e9llo'}, sync=False)['id']

    def cancel(self, id):
        self.assertEqual(200, self.client.call(
            'POST', f'/v1/executions/{id}/cancel')[0])

    def open_stream(self, id, accept='*/*'):
        """Return the answer whose body grows."""
        url = urllib.parse.urlsplit(self.client.url)
        connection = http.client.HTTPConnection(
            url.hostname, url.port, timeout=servers.PATIENCE)
        self.addCleanup(connection.close)
        connection.request('GET', f'/v1/executions/{id}/log?follow=true',
                           headers={'Accept': accept})
        answer = connection.getresponse()
        self.addCleanup(answer.close)
        return answer

    def test_text(self):
        id = self.run_waiter()
        stream = self.open_stream(id)
        self.assertEqual(200, stream.status)
        lines = [stream.readline().decode() for _number in range(2)]
        self.assertEqual([f'Start execution: {id}\n', 'h\u00e9llo\n'], lines)
        self.assertEqual(''.join(lines), self.client.log(id))
        self.cancel(id)
        # The row ends before the engine has stopped the function, and stores
        # its log afterwards.
        rest = stream.read().decode()
        self.assertTrue(self.client.log(id)[len(''.join(lines)):].startswith(
            rest), rest)

    def test_events(self):
        id = self.run_waiter()
        stream = self.open_stream(id, 'text/event-stream')
        text = ''
        while 'h\u00e9llo' not in text:
            self.assertEqual(b'event: log\n', stream.readline())
            offset = int(stream.readline().partition(b':')[2])
            text += json.loads(stream.readline().partition(b':')[2])['text']
            self.assertEqual((len(text), b'\n'), (offset, stream.readline()))
        self.cancel(id)
        self.assertTrue(stream.read().decode().endswith(
            'data: {"status": "cancelled"}\n\n'))


class TestStandalone(LiveLogs, base.BaseTestCase):
    def start(self):
        return self.useFixture(servers.Standalone())


class TestCloud(LiveLogs, base.BaseTestCase):
    def start(self):
        return self.useFixture(servers.Cloud(engines=2))
