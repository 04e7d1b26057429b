# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands for deliveries, the sender and the listener."""

import contextlib
import http.server
import json
import subprocess
import threading

from qinling.client import raw_http
from qinling.tests import databases
from qinling.tests.functional import shells

BODY = bytes(range(256)) * 8
SECRET = 'a secret of the sender'


class Handler(http.server.BaseHTTPRequestHandler):
    """Program of a developer, which keeps the requests."""

    def do_PUT(self):
        data = self.rfile.read(int(self.headers['Content-Length']))
        self.server.requests.append(
            (self.command, self.path, dict(self.headers), data))
        self.send_response(418)
        self.send_header('Content-Length', '0')
        self.end_headers()

    do_POST = do_PUT

    def log_message(self, *_arguments):
        """Print nothing."""


class TestDeliveries(shells.Case):
    def setUp(self):
        super().setUp()
        (self.directory / 'body.bin').write_bytes(BODY)
        (self.directory / 'ada.json').write_text('{"name": "Ada"}')
        (self.directory / 'secret').write_text(SECRET)

    def create(self, name, *options):
        return self.shell.json(
            'webhook create', '--function', 'greeter', '--description', name,
            *options)

    def delivery_list(self, name, *options):
        return self.shell.json('webhook delivery list', name, *options)

    def send(self, name, *options, **keywords):
        return self.shell.json('webhook send', name, 'ada.json', *options,
                               **keywords)

    def start_program(self):
        """Return a running program of a developer, and its URL."""
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        server.requests = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return server, f'http://127.0.0.1:{server.server_port}/hook?a=1'

    def test_list_show_download(self):
        self.create('desk', '--method', 'PUT', '--method', 'POST')
        answer = self.shell.json(
            'webhook send', 'desk', 'body.bin', '--method', 'PUT', '--path',
            '/a/b', '--header', 'X-Any: thing', '--header',
            'Authorization: Bearer x')
        self.assertEqual(202, answer['status_code'])
        row, = self.delivery_list('desk')
        self.assertEqual(
            ('accepted', 'PUT', '/a/b', answer['execution_id'], len(BODY)),
            tuple(row[name] for name in (
                'Status', 'Method', 'Path', 'Execution_id', 'Size')))
        details = self.shell.json('webhook delivery show', 'desk', row['Id'])
        self.assertIn(['X-Any', 'thing'], details['headers'])
        self.assertIn(['Authorization', '***'], details['headers'])
        self.shell.run('webhook delivery download', 'desk', row['Id'], '-o',
                       'copy.bin')
        self.assertEqual(BODY, (self.directory / 'copy.bin').read_bytes())
        self.assertIn('accepted', self.shell.run(
            'webhook delivery list', 'desk', '--filter', 'status=accepted'))
        self.assertIn('not found', self.shell.fails(
            'webhook delivery show', 'desk', answer['execution_id']))

    def test_replay(self):
        self.create('signed', '--signature', 'shopify', '--secret', SECRET)
        self.assertIn('(HTTP 401)', self.shell.fails(
            'webhook send', 'signed', 'ada.json'))
        self.send('signed', '--sign', '--secret', '@secret')
        databases.wait_until(lambda: len(self.delivery_list('signed')) == 2)
        rows = {row['Status']: row for row in self.delivery_list('signed')}
        self.assertEqual(('invalid', 401), (
            rows['refused']['Signature'], rows['refused']['Status_code']))
        preview = self.shell.json(
            'webhook delivery replay', 'signed', '--filter', 'status=refused',
            '--dry-run')
        self.assertEqual([(rows['refused']['Id'], None)], [
            (row['Source_id'], row['Execution_id']) for row in preview])
        replay, = self.shell.json(
            'webhook delivery replay', 'signed', '--filter',
            'status=refused')
        ended = self.client.wait_for_end(replay['Execution_id'])
        self.assertIn('Hello, Ada', ended['result'])
        replay, = self.shell.json(
            'webhook delivery replay', 'signed', rows['accepted']['Id'],
            '--function', 'greeter')
        self.assertEqual('replayed', self.shell.json(
            'webhook delivery show', 'signed', replay['Delivery_id'])[
                'signature'])
        self.assertIn('by their ids, or --filter', self.shell.fails(
            'webhook delivery replay', 'signed'))

    def test_send_signs_in_every_form(self):
        (self.directory / 'ada.json').write_text(
            '{"name": "Ada", "value": [{}]}')
        forms = ('github', 'gitlab', 'mailgun', 'meta', 'microsoft',
                 'shopify', 'slack', 'stripe', 'twilio')
        for form in forms:
            self.create(form, '--signature', form, '--secret', SECRET)
            self.assertEqual(202, self.send(
                form, '--sign', '--secret', '@secret')['status_code'], form)
        server, url = self.start_program()
        answer = self.send(url, '--sign', 'github', '--secret', '@secret')
        self.assertEqual(418, answer['status_code'])
        self.assertIn('X-Hub-Signature-256', server.requests[0][2])
        self.assertIn('--sign with one of', self.shell.fails(
            'webhook send', url, 'ada.json', '--secret', 'x'))
        self.assertIn('Cannot read', self.shell.fails(
            'webhook send', url, 'missing.json'))

    @contextlib.contextmanager
    def listen(self, *words):
        """Yield a listener after its start."""
        with subprocess.Popen(
                [*self.shell.words, *'webhook listen'.split(), *words],
                cwd=self.directory, env=self.shell.environ, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                self.assertIn('Listening', process.stderr.readline())
                yield process
            finally:
                process.kill()

    def test_listen_and_forward(self):
        self.create('phone', '--method', 'PUT')
        self.shell.json('webhook send', 'phone', 'body.bin', '--method',
                        'PUT')
        server, url = self.start_program()
        with self.listen('phone', '--forward', url, '--count', '1') as process:
            self.shell.json(
                'webhook send', 'phone', 'body.bin', '--method', 'PUT',
                '--path', '/x', '--header', 'X-Any: thing', '--header',
                'Cookie: a=b')
            out, _ = process.communicate(
                timeout=databases.PATIENCE)
        self.assertEqual(0, process.returncode)
        self.assertIn('-> 418', out)
        (method, path, headers, data), = server.requests
        self.assertEqual(('PUT', '/hook/x?a=1', 'thing', BODY), (
            method, path, headers['X-Any'], data))
        self.assertNotIn('Cookie', headers)

    def test_listen_with_a_function(self):
        self.create('radio')
        with self.listen('radio', '--function', 'greeter', '--count',
                         '2') as process:
            for _ in range(2):
                self.send('radio')
            out, _ = process.communicate(timeout=databases.PATIENCE)
        self.assertEqual(2, out.count('-> success'))
        rows = self.delivery_list('radio')
        self.assertEqual(4, len(rows))

    def test_no_record(self):
        row = self.create('silent', '--no-keep-deliveries')
        self.assertIs(False, row['keep_deliveries'])
        self.send('silent')
        self.assertEqual([], self.delivery_list('silent'))
        self.assertIs(True, self.shell.json(
            'webhook update', 'silent', '--keep-deliveries')[
                'keep_deliveries'])

    def test_challenge(self):
        id = self.create('graph', '--signature', 'microsoft', '--secret',
                         SECRET)['id']
        status, headers, body = self.client.request(
            'POST', f'/v1/webhooks/{id}/invoke?validationToken=a%20%3Cb', b'',
            {})
        self.assertEqual((200, b'a <b'), (status, body))
        self.assertTrue(headers['Content-Type'].startswith('text/plain'))
        self.assertEqual('nosniff', headers['X-Content-Type-Options'])
        databases.wait_until(lambda: self.delivery_list('graph'))
        row, = self.delivery_list('graph')
        self.assertEqual('answered', row['Status'])

    def test_repeated_headers_reach_the_function(self):
        function = self.client.create(
            'def main(headers, repeated_headers, **kwargs):\n'
            '    return [headers["x-any"], repeated_headers["x-any"]]\n')
        row = self.client.call('POST', '/v1/webhooks', {
            'function_id': function['id'], 'payload': 'request',
            'sync': True})[1]
        answer = raw_http.send('POST', row['webhook_url'] + '/some/path', [
            ('X-Any', 'a'), ('X-Any', 'b, c')], b'')
        self.assertEqual((200, ['a, b, c', ['a', 'b, c']]), (
            answer.status, json.loads(answer.body)))
