# SPDX-License-Identifier: Apache-2.0
"""Tests of webhooks over real HTTP, over both deployments."""

import contextlib
import hmac
import http.client
import json
import os
import sqlite3
import stat
import threading
import urllib.parse

from oslotest import base

from qinling.core import secrets
from qinling.tests.functional import base as servers

SECRET = 'a secret of a sender'
MOST = 65536
OPTIONS = {'webhooks': {'max_body_size': MOST, 'rate_limit': '50/day'}}
CODE = """
def echo(context=None, **kwargs):
    print('echo', sorted(kwargs))
    return kwargs

def answer(method, headers, query, body, is_base64, **kwargs):
    return {'status_code': 201,
            'headers': {'X-Method': method, 'Content-Type': 'text/html'},
            'body': '<p>%s %s' % (body, query)}

def slow(seconds=1, **kwargs):
    import time
    time.sleep(seconds)
    return 'done'

def broken(**kwargs):
    raise ValueError('a secret of the function')
"""


def run_concurrently(count, action):
    """Return the results of an action, run ``count`` times simultaneously."""
    results, barrier = [], threading.Barrier(count)

    def run():
        barrier.wait(servers.PATIENCE)
        results.append(action())
    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(servers.PATIENCE)
    return results


class Webhooks(servers.Shared):
    """Tests of the requests of senders and owners."""

    def webhook(self, entry='main.echo', **fields):
        """Return a new webhook of a new function."""
        function = self.client.create(CODE, entry=entry)['id']
        status, row = self.client.call('POST', '/v1/webhooks', {
            'function_id': function, **fields})
        self.assertEqual(201, status, row)
        return row

    def send(self, row, body=b'', method='POST', query='', **headers):
        """Return (status, headers, body bytes) of a request to the webhook's
        URL.
        """
        url = urllib.parse.urlsplit(row['webhook_url'])
        headers = {name.replace('_', '-'): value
                   for name, value in headers.items()}
        return servers.Client(f'{url.scheme}://{url.netloc}').request(
            method, url.path + query, body, headers)

    def list_executions(self, row):
        """Return the executions of a webhook."""
        return self.client.get(
            f'/v1/executions?description=has:{row["id"]}')['executions']

    def signed(self, row, body, secret=SECRET, **headers):
        signature = hmac.new(secret.encode(), body, 'sha256').hexdigest()
        return self.send(row, body, X_Hub_Signature_256=f'sha256={signature}',
                         **headers)

    def test_run_and_see(self):
        row = self.webhook()
        status, headers, body = self.send(
            row, b'{"a": [1]}', query='?b=2', Content_Type='application/json')
        self.assertEqual(202, status, body)
        ended = self.client.wait_for_end(json.loads(body)['execution_id'])
        self.assertEqual({'a': [1], 'b': '2'}, servers.output(ended))
        self.assertEqual([ended['id']], [execution['id'] for execution
                                         in self.list_executions(row)])
        self.assertIn("echo ['a', 'b']", self.client.log(ended['id']))

    def test_an_alias_is_followed(self):
        function = self.client.create(
            'def main(**kwargs):\n    return "old"\n')['id']
        self.client.call('POST', f'/v1/functions/{function}/versions')
        name = f'alias-{function}'
        self.client.call('POST', '/v1/aliases', {
            'name': name, 'function_id': function, 'function_version': 1})
        self.client.form(
            'PUT', f'/v1/functions/{function}', {},
            servers.package('def main(**kwargs):\n    return "new"\n'))
        _, row = self.client.call('POST', '/v1/webhooks', {
            'function_alias': name, 'sync': True})
        self.assertEqual(b'"old"', self.send(row)[2])
        self.client.call('PUT', f'/v1/aliases/{name}',
                         {'function_version': 0})
        self.assertEqual(b'"new"', self.send(row)[2])

    def test_an_answer_of_the_function(self):
        row = self.webhook('main.answer', sync=True, payload='request',
                           methods=['POST', 'GET', 'PUT', 'DELETE'])
        for method in ('POST', 'GET', 'PUT', 'DELETE'):
            status, headers, body = self.send(row, b'text', method, '?a=1')
            self.assertEqual(
                (201, method, 'text/html', b"<p>text {'a': ['1']}"),
                (status, headers['X-Method'], headers['Content-Type'], body))
        status, headers, body = self.send(row, b'\xff\0')
        self.assertEqual(b'<p>/wA= {}', body)
        self.assertEqual((200, b''), self.send(row, method='HEAD')[::2])
        self.assertEqual(405, self.send(row, method='PATCH')[0])

    def test_failing_function(self):
        row = self.webhook('main.broken', sync=True)
        status, headers, body = self.send(row)
        self.assertEqual(502, status)
        self.assertNotIn(b'a secret of the function', body)
        id = headers['X-Qinling-Execution-Id']
        self.assertIn(id, json.loads(body)['faultstring'])
        self.assertIn('a secret of the function', self.client.log(id))

    def test_function_exceeds_the_timeout(self):
        function = self.client.create(
            'import time\n\n\ndef main(**kwargs):\n    time.sleep(30)\n',
            timeout=1)['id']
        _, row = self.client.call('POST', '/v1/webhooks', {
            'function_id': function, 'sync': True})
        status, headers, body = self.send(row)
        self.assertEqual(504, status, body)
        self.assertIn(headers['X-Qinling-Execution-Id'],
                      json.loads(body)['faultstring'])

    def test_a_file(self):
        row = self.webhook(sync=True)
        status, _, body = self.send(
            row, servers.multipart({'a': '1'}, b'\xff\0'),
            Content_Type='multipart/form-data; '
                         f'boundary={servers.BOUNDARY}')
        self.assertEqual(200, status, body)
        self.assertEqual(('1', '/wA='), (json.loads(body)['a'], json.loads(
            body)['package']['body']))

    def test_signatures(self):
        row = self.webhook(signature='github', secret=SECRET)
        self.assertEqual(202, self.signed(row, b'{}')[0])
        for status, _, _ in (self.send(row, b'{}'),
                             self.signed(row, b'{}', 'another secret')):
            self.assertEqual(401, status)
        _, rotated = self.client.call(
            'POST', f'/v1/webhooks/{row["id"]}/secret', {})
        for secret in (SECRET, rotated['secret']):
            self.assertEqual(202, self.signed(row, b'{}', secret)[0])
        self.assertEqual(3, len(self.list_executions(row)))

    def test_concurrent_deliveries(self):
        """Run a delivery with many simultaneous tries once, with one answer.
        """
        for sync, status in ((False, 202), (True, 200)):
            row = self.webhook('main.slow', sync=sync)
            results = run_concurrently(8, lambda: self.send(
                row, b'{}', X_GitHub_Delivery='some'))
            self.assertEqual({status}, {result[0] for result in results})
            self.assertEqual(1, len({result[2] for result in results}))
            self.assertEqual(7, [result[1].get(
                'Idempotent-Replayed') for result in results].count('true'))
            self.assertEqual(1, len(self.list_executions(row)))

    def test_concurrent_executions(self):
        function = self.client.create(CODE, entry='main.slow')['id']
        # The last of those who do not wait must still find it running.
        for sync, state, seconds in ((True, 'success', 1),
                                     (False, 'running', 30)):
            body = json.dumps({'function_id': function, 'sync': sync,
                               'input': {'seconds': seconds}})
            results = run_concurrently(8, lambda: self.client.request(
                'POST', '/v1/executions', body, {
                    'Content-Type': 'application/json',
                    'Idempotency-Key': f'{function} {sync}'}))
            self.assertEqual({201}, {result[0] for result in results})
            rows = [json.loads(result[2]) for result in results]
            self.assertEqual(1, len({row['id'] for row in rows}))
            self.assertEqual({state}, {row['status'] for row in rows})
        self.assertEqual(2, self.client.get(
            f'/v1/functions/{function}')['count'])

    def test_limits(self):
        row = self.webhook()
        status, _, body = self.send(row, b'x' * (MOST + 1))
        self.assertEqual(413, status)
        results = [self.send(row) for _ in range(55)]
        limited = [result for result in results if result[0] == 429]
        # The one that was too large is among the 50.
        self.assertEqual(6, len(limited))
        for _, headers, body in limited:
            self.assertGreater(int(headers['Retry-After']), 0)

        def count():
            return self.client.get(
                f'/v1/webhooks/{row["id"]}')['refused'] == 7
        servers.wait_for(count, 'the count of refused deliveries')

    def test_unknown_webhook(self):
        for id in ('11111111-2222-4333-8444-555555555555', 'x'):
            status, body = self.client.call(
                'POST', f'/v1/webhooks/{id}/invoke')
            self.assertEqual((404, f'Webhook not found [id={id}]'),
                             (status, body['faultstring']))


class TestStandalone(Webhooks, base.BaseTestCase):
    """Tests on one machine."""

    @staticmethod
    def make_server():
        return servers.Standalone(**OPTIONS)


class TestCloud(Webhooks, base.BaseTestCase):
    """Tests over separate daemons, RabbitMQ and MariaDB."""

    @staticmethod
    def make_server():
        return servers.Cloud(**OPTIONS, secrets={
            'encryption_keys': secrets.new_key()})


class TestRestart(base.BaseTestCase):
    """Tests of state across restarts of one machine."""

    def setUp(self):
        super().setUp()
        self.server = self.useFixture(servers.Standalone())
        self.client = self.server.client

    def create(self, **fields):
        function = self.client.create(
            'def main(**kwargs):\n    return 1\n')['id']
        return self.client.call('POST', '/v1/webhooks', {
            'function_id': function, **fields})[1]

    def send(self, row, name, secret=SECRET):
        """Return (status, body) of a delivery with a name."""
        signature = hmac.new(secret.encode(), b'{}', 'sha256').hexdigest()
        status, _, body = self.server.client.request(
            'POST', f'/v1/webhooks/{row["id"]}/invoke', b'{}', {
                'X-Hub-Signature-256': f'sha256={signature}',
                'X-GitHub-Delivery': name})
        return status, body

    def finished(self, row, name):
        """Return the response of a delivery after the execution has ended."""
        status, body = self.send(row, name)
        self.assertEqual(202, status, body)
        self.client.wait_for_end(json.loads(body)['execution_id'])
        return status, body

    def test_secrets_and_names(self):
        row = self.create(signature='github', secret=SECRET)
        first = self.finished(row, 'one')
        path = self.server.state / 'secret.key'
        self.assertEqual(0o600, stat.S_IMODE(os.stat(path).st_mode))
        key = path.read_text()
        for suffix in ('', '-wal'):
            stored = (self.server.state / f'qinling.db{suffix}').read_bytes()
            self.assertNotIn(SECRET.encode(), stored)
        self.assertEqual(0, self.server.program.stop())
        self.server.restart()
        self.assertEqual(key, path.read_text())
        self.assertEqual(first, self.send(row, 'one'))
        self.assertEqual(401, self.send(row, 'two', 'another')[0])
        self.assertNotIn(SECRET, self.server.program.log.read_text())

    def test_names_are_forgotten_after_a_day(self):
        row = self.create(signature='github', secret=SECRET)
        first = self.finished(row, 'one')
        self.assertEqual(0, self.server.program.stop())
        with contextlib.closing(sqlite3.connect(
                self.server.state / 'qinling.db', timeout=servers.PATIENCE)
                ) as database:
            database.execute("UPDATE idempotency_keys SET created_at = "
                             "'2020-01-01 00:00:00.000000'")
            database.commit()
            self.server.restart()
            servers.wait_for(lambda: database.execute(
                'SELECT count(*) FROM idempotency_keys').fetchone() == (0,),
                'the purge')
        self.assertNotEqual(first, self.send(row, 'one'))

    def test_invalid_options(self):
        for group, name, value in (
                ('secrets', 'encryption_keys', 'x'),
                ('webhooks', 'rate_limit', 'often'),
                ('webhooks', 'rate_limit_storage', 'nothing://')):
            state = self.create_tempfiles([(name, '')])[0] + '-state'
            program = self.useFixture(servers.Program(
                'standalone', '--state-dir', state, '--port', '0',
                config={group: {name: value}}))
            self.assertEqual(1, program.process.wait(servers.PATIENCE))
            self.assertIn('The configuration cannot be used: ',
                          program.log.read_text())

    def attempt(self, row, name):
        """Return the id of the execution, or ``None`` while the server is
        down.
        """
        try:
            status, body = self.send(row, name)
        except (OSError, http.client.HTTPException):
            return None
        self.assertEqual(202, status, body)
        return json.loads(body)['execution_id']

    def test_no_delivery_is_lost_or_doubled_by_a_crash(self):
        """Run each delivery once, although the server is killed repeatedly.

        The sender repeats each delivery until acceptance.
        """
        row = self.create(signature='github', secret=SECRET)
        names, accepted = [str(number) for number in range(40)], {}

        def sender(mine):
            for name in mine:
                accepted[name] = servers.wait_for(
                    lambda: self.attempt(row, name), f'delivery {name}')
        threads = [threading.Thread(target=sender, args=(names[place::4],))
                   for place in range(4)]
        for thread in threads:
            thread.start()
        for expected in (5, 15):
            servers.wait_for(lambda: len(accepted) >= expected, 'deliveries')
            self.server.program.kill()
            self.server.restart()
        for thread in threads:
            thread.join(servers.PATIENCE)
        self.assertEqual(set(names), set(accepted))
        # And each of them once more, as senders do that saw no answer.
        before = dict(accepted)
        sender(names)
        self.assertEqual(before, accepted)
        runs = self.server.client.get(
            f'/v1/executions?description=has:{row["id"]}')['executions']
        self.assertEqual(sorted(accepted.values()),
                         sorted(run['id'] for run in runs))
        for id in accepted.values():
            self.assertEqual('success',
                             self.server.client.wait_for_end(id)['status'])
