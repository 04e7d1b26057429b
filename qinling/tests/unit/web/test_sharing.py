# SPDX-License-Identifier: Apache-2.0
"""Connections that one process accepts and another one serves."""

import http.client
import socket
import struct
import threading
from unittest import mock

from oslotest import base

from qinling.tests import databases
from qinling.web import server as server_module
from qinling.web import sharing


class NamedApplication:
    """WSGI application that answers with its name and the client's address."""

    def __init__(self, name):
        self._name = name

    def __call__(self, environ, start_response):
        body = f'{self._name} {environ["REMOTE_ADDR"]}'.encode()
        start_response('200 OK', [('Content-Length', str(len(body)))])
        return [body]


class TestSharing(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        listener = server_module.listen('127.0.0.1', 0)
        self.address = listener.getsockname()
        self.sender, self.receiver = sharing.create_pair()
        self.addCleanup(self.sender.close)
        self.first = self.start(NamedApplication('first'), listener,
                                sharing.Outbox([self.sender]))

    def start(self, app, listener, outbox=None):
        server = server_module.Server(app, listener, 2, 20, outbox)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        self.addCleanup(thread.join, databases.PATIENCE)
        self.addCleanup(server.stop)
        return server

    def start_second(self):
        return self.start(NamedApplication('second'),
                          sharing.Inbox(self.receiver, self.address))

    def connect(self):
        client = http.client.HTTPConnection(
            *self.address, timeout=databases.PATIENCE)
        client.connect()
        self.addCleanup(client.close)
        return client

    def ask(self, client):
        client.request('GET', '/')
        return client.getresponse().read().decode()

    def test_the_first_connections_stay(self):
        self.start_second()
        answers = [self.ask(self.connect()) for _ in range(4)]
        self.assertEqual(
            ['first 127.0.0.1'] + ['second 127.0.0.1'] * 3, answers)

    def test_idle_connections_do_not_count(self):
        self.start_second()
        self.ask(self.connect())
        with mock.patch.object(sharing, 'IDLE_SECONDS', 0):
            self.wait_until_idle()
            self.assertEqual('first 127.0.0.1', self.ask(self.connect()))
        self.assertEqual('second 127.0.0.1', self.ask(self.connect()))

    def wait_until_idle(self):
        """Wait until no thread of the first server serves a connection."""
        poller = self.first._poller
        databases.wait_until(
            lambda: len(poller._waiting) == len(poller._connections))

    def test_the_first_keeps_few_connections_in_all(self):
        self.start_second()
        with mock.patch.multiple(sharing, IDLE_SECONDS=0, MAX_KEPT=2):
            answers = []
            for _ in range(3):
                self.wait_until_idle()
                answers.append(self.ask(self.connect()))
        self.assertEqual(
            ['first 127.0.0.1'] * 2 + ['second 127.0.0.1'], answers)

    def test_connections_wait_for_a_process_that_restarts(self):
        self.ask(self.connect())
        client = self.connect()
        client.request('GET', '/')
        self.start_second()
        self.assertEqual(b'second 127.0.0.1', client.getresponse().read())

    def test_without_another_process_the_first_serves_all(self):
        self.receiver.close()
        for _ in range(3):
            self.assertEqual('first 127.0.0.1', self.ask(self.connect()))

    def test_both_have_the_same_url(self):
        self.assertEqual(self.first.url, self.start_second().url)

    def test_a_stop_serves_waiting_connections(self):
        self.ask(self.connect())
        client = self.connect()
        client.request('GET', '/')
        second = self.start_second()
        second.stop()
        self.assertEqual(b'second 127.0.0.1', client.getresponse().read())

    def test_a_client_that_has_gone_harms_nobody(self):
        self.ask(self.connect())
        # With this option a close resets the connection at once.
        client = self.connect().sock
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack('ii', 1, 0))
        client.close()
        self.start_second()
        self.assertEqual('second 127.0.0.1', self.ask(self.connect()))
