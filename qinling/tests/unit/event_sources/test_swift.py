# SPDX-License-Identifier: Apache-2.0
"""Tests of the source of containers without a server."""

import contextlib
import http.server
import threading

from oslotest import base

from qinling.event_sources import addresses
from qinling.event_sources import swift
from qinling.event_sources import web
from qinling import exception


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        self.server.paths.append(self.path)
        self.send_response(200)
        self.send_header('Content-Length', str(self.server.size))
        self.end_headers()
        self.wfile.write(b' ' * self.server.size)
        # Without a word to the client, as after an idle time.
        self.close_connection = self.server.is_closing

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serve(size=2, is_closing=False):
    """Yield a server that answers with spaces."""
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        server.paths, server.size = [], size
        server.is_closing = is_closing
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def open_client(port, *allowed):
    return web.Client(f'http://127.0.0.1:{port}/v1',
                      addresses.Guard(allowed))


class TestClient(base.BaseTestCase):
    def test_connection_is_kept(self):
        for is_closing in (False, True):
            with serve(is_closing=is_closing) as server:
                client = open_client(server.server_port, '127.0.0.0/8')
                for _ in range(3):
                    self.assertEqual(b'  ', client.send('GET', '/a').body)
                client.close()
            self.assertEqual(['/v1/a'] * 3, server.paths)

    def test_answer_that_is_too_large(self):
        with serve(web.MAX_BYTES + 1) as server:
            client = open_client(server.server_port, '127.0.0.0/8')
            error = self.assertRaises(exception.TemporaryError, client.send,
                                      'GET', '/')
        self.assertIn('too large', str(error))

    def test_address_that_is_not_allowed(self):
        with serve() as server:
            error = self.assertRaises(
                exception.TemporaryError,
                open_client(server.server_port).send, 'GET', '/')
        self.assertIn('may not use', str(error))
        self.assertEqual([], server.paths)

    def test_urls_of_a_catalog(self):
        for url in ('file:///etc/passwd', 'http://127.0.0.1:x/', 'http://',
                    'http://127.0.0.1\r\nX: y/', ''):
            client = web.Client(url, addresses.Guard(['127.0.0.0/8']))
            self.assertRaises(exception.TemporaryError, client.send, 'GET',
                              '/')


class TestCatalog(base.BaseTestCase):
    def catalog(self, **endpoint):
        return {'token': {'catalog': [
            {'type': 'identity', 'endpoints': []},
            {'type': 'object-store', 'endpoints': [{
                'interface': 'public', 'region_id': 'one',
                'url': 'https://swift.test/v1', **endpoint}]}]}}

    def test_endpoint(self):
        for region in ('', 'one'):
            self.assertEqual('https://swift.test/v1', swift.find_endpoint(
                self.catalog(), region))

    def test_no_endpoint(self):
        for answer in (self.catalog(interface='admin'),
                       self.catalog(region_id='two'), {}, [], None,
                       {'token': {'catalog': [1]}}):
            error = self.assertRaises(
                exception.TemporaryError, swift.find_endpoint, answer, 'one')
            self.assertIn('in the region one', str(error))

    def test_answers_that_are_no_json(self):
        for data in (b'', b'<html>', b'\xff'):
            self.assertRaises(exception.TemporaryError, swift.read_json,
                              data)


class TestEvents(base.BaseTestCase):
    def test_age(self):
        self.assertGreater(swift.measure_age(
            {'last_modified': '2020-01-01T00:00:00.000000'}), 1e7)
        for row in ({}, {'last_modified': None}, {'last_modified': 'x'}):
            self.assertEqual(swift.SETTLE_SECONDS, swift.measure_age(row))

    def test_settings(self):
        settings = {'url': 'https://keystone.test/v3', 'container': 'c'}
        self.assertEqual(
            {**settings, 'region': '', 'prefix': '', 'marker': ''},
            swift.Driver.parse(settings))
        for change in ({'url': 'ftp://h'}, {'container': 'a/b'},
                       {'container': 'ä' * 129}, {'container': None},
                       {'url': 'https://u:p@h'}):
            self.assertRaises(ValueError, swift.Driver.parse,
                              {**settings, **change})
