# SPDX-License-Identifier: Apache-2.0
"""``/v1/webhooks/{id}/deliveries``: the record of deliveries."""

import gzip
import hmac
import json

import fixtures as python_fixtures
import webob

from qinling.core import secrets
from qinling.db import models
from qinling.tests.unit.api import cases

SECRET = 'a secret of a sender'
BODY = b'{"name": "caf\xc3\xa9"}'


class DeliveriesTest(cases.ApiTest):
    GROUPS = {'secrets': {'encryption_keys': [secrets.new_key()]},
              'webhooks': {'max_body_size': 4096, 'kept_body_size': 2048}}

    def setUp(self):
        super().setUp()
        # Only ``close`` ends a window.
        self.useFixture(python_fixtures.MonkeyPatch(
            'qinling.core.trigger.delivery_log.WINDOW_SECONDS', 3600))
        self.function = self.api.function().id
        self.api.insert(models.FunctionVersion, version_number=1,
                        function_id=self.function)
        self.api.insert(models.FunctionAlias, name='prod',
                        function_id=self.function, function_version=1)

    def webhook(self, **values):
        """Return the path of a new webhook."""
        row = self.call('POST', '/v1/webhooks', {
            'function_id': self.function, **values}, 201)
        return f'/v1/webhooks/{row["id"]}'

    def send(self, path, body=BODY, status=202, method='POST', **kwargs):
        answer = self.api.request(method, f'{path}/invoke', body, **kwargs)
        self.assertEqual(status, answer.status_int, answer.text)
        return answer

    def list(self, path, query=''):
        self.api.services.close()
        return self.call('GET', f'{path}/deliveries{query}')['deliveries']

    def read_input(self, execution_id):
        return json.loads(self.api.row(models.Execution, execution_id).input)


class TestRecord(DeliveriesTest):
    def test_accepted(self):
        path = self.webhook(payload='request')
        answer = self.api.request(
            'POST', f'{path}/invoke/a/b%20c?x=1&x=2', BODY,
            Authorization='Bearer s', X_Vault_Token='s', X_Any='thing')
        execution = answer.json['execution_id']
        row, = self.list(path)
        self.assertEqual(
            ('accepted', 'unsigned', None, 202, execution, 'running', 0,
             'POST', '/a/b c', 'x=1&x=2', len(BODY), True, None),
            tuple(row[name] for name in (
                'status', 'signature', 'reason', 'status_code',
                'execution_id', 'execution_status', 'attempts', 'method',
                'path', 'query', 'size', 'has_body', 'replay_of')))
        headers = {name.lower(): value for name, value in row['headers']}
        self.assertEqual('thing', headers['x-any'])
        self.assertEqual('***', headers['x-vault-token'])
        self.assertNotIn('Bearer', json.dumps(row))
        self.assertEqual('/a/b c', self.read_input(execution)['path'])
        self.assertEqual(row, self.call(
            'GET', f'{path}/deliveries/{row["id"]}'))

    def test_body(self):
        path = self.webhook()
        for body in (b'\0\xff\n\r\n', b'', BODY):
            self.send(path, body, Content_Type='image/png')
            *_, row = self.list(path)
            answer = self.api.request(
                'GET', f'{path}/deliveries/{row["id"]}/body')
            self.assertEqual(body, answer.body)
            self.assertEqual('nosniff',
                             answer.headers['X-Content-Type-Options'])
            self.assertIn('attachment',
                          answer.headers['Content-Disposition'])

    def test_large_bodies_are_left_out(self):
        path = self.webhook()
        self.send(path, b'x' * 3000, Content_Type='text/plain')
        self.send(path, b'x' * 5000, 413, Content_Type='text/plain')
        accepted, refused = self.list(path)
        self.assertEqual((3000, False), (accepted['size'],
                                         accepted['has_body']))
        self.assertEqual((None, 413), (refused['size'],
                                       refused['status_code']))
        for row in accepted, refused:
            for verb, suffix in (('GET', 'body'), ('POST', 'replay')):
                fault = self.call(
                    verb, f'{path}/deliveries/{row["id"]}/{suffix}',
                    status=409)
                self.assertIn('send it again', fault['faultstring'])

    def test_signatures(self):
        path = self.webhook(signature='github', secret=SECRET)
        digest = hmac.new(SECRET.encode(), BODY, 'sha256').hexdigest()
        self.send(path, X_Hub_Signature_256=f'sha256={digest}',
                  X_GitHub_Delivery='1')
        self.send(path, X_Hub_Signature_256=f'sha256={digest}',
                  X_GitHub_Delivery='1')
        self.send(path, status=401, X_Hub_Signature_256='sha256=00')
        self.send(path, status=405, method='PUT')
        rows = self.list(path)
        self.assertEqual(
            [('accepted', 'valid'), ('repeated', 'valid'),
             ('refused', 'invalid'), ('refused', 'unchecked')],
            [(row['status'], row['signature']) for row in rows])
        self.assertEqual(rows[0]['execution_id'], rows[1]['execution_id'])
        self.assertIn('signature is not one', rows[2]['reason'])

    def test_floods_are_recorded_in_samples(self):
        path = self.webhook(signature='github', secret=SECRET)
        for _ in range(20):
            self.send(path, status=401)
        self.assertEqual(5, len(self.list(path)))
        self.assertEqual(20, self.call('GET', path)['refused'])

    def test_no_record(self):
        path = self.webhook(keep_deliveries=False)
        self.send(path)
        self.send(path, status=405, method='PUT')
        self.assertEqual([], self.list(path))
        self.call('PUT', path, {'keep_deliveries': True})
        self.send(path)
        self.assertEqual(1, len(self.list(path)))
        self.api.conf.set_override('delivery_retention', 0, 'webhooks')
        self.send(path)
        self.assertEqual(1, len(self.list(path)))

    def test_deleted_webhooks_leave_no_deliveries(self):
        path = self.webhook()
        self.send(path)
        row, = self.list(path)
        self.call('DELETE', path, status=204)
        self.call('GET', f'{path}/deliveries', status=404)
        self.assertIsNone(self.api.row(models.Delivery, row['id']))


class TestList(DeliveriesTest):
    def test_filters_and_pages(self):
        path = self.webhook(methods=['POST', 'PUT'])
        for method in ('POST', 'PUT', 'POST'):
            self.send(path, method=method)
        self.send(path, status=405, method='GET', body=None)
        self.send(self.webhook())
        for query, count in (
                ('', 4), ('?method=PUT', 1), ('?status=refused', 1),
                ('?status_code=gte:400', 1), ('?size=gt:0', 3),
                ('?created_at=gt:2020-01-01', 4), ('?signature=valid', 0)):
            self.assertEqual(count, len(self.list(path, query)), query)
        page = self.call('GET', f'{path}/deliveries?limit=3&sort_dir=desc')
        self.assertEqual(3, len(page['deliveries']))
        self.assertIn('marker=', page['next'])
        for query in ('?color=red', '?sort_key=body', '?status_code=x'):
            self.call('GET', f'{path}/deliveries{query}', status=400)

    def test_deliveries_of_other_webhooks_are_hidden(self):
        first, second = self.webhook(), self.webhook()
        self.send(first)
        row, = self.list(first)
        for suffix in ('', '/body'):
            self.call('GET', f'{second}/deliveries/{row["id"]}{suffix}',
                      status=404)
        self.call('POST', f'{second}/deliveries/{row["id"]}/replay',
                  status=404)


class TestReplay(DeliveriesTest):
    def replay(self, path, row, body=None, status=202):
        return self.call('POST', f'{path}/deliveries/{row["id"]}/replay',
                         body, status)

    def test_same_bytes(self):
        path = self.webhook(payload='request', sync=False)
        self.api.request('POST', f'{path}/invoke/x?a=1', b'\0\xff',
                         Content_Type='image/png', X_Any='thing')
        row, = self.list(path)
        replayed = self.replay(path, row)
        self.assertEqual(
            ('accepted', 'replayed', row['id'], row['headers']),
            tuple(replayed[name] for name in (
                'status', 'signature', 'replay_of', 'headers')))
        self.assertEqual(self.read_input(row['execution_id']),
                         self.read_input(replayed['execution_id']))

    def test_refused_deliveries(self):
        path = self.webhook(signature='github', secret=SECRET)
        self.send(path, status=401)
        row, = self.list(path)
        replayed = self.replay(path, row)
        self.assertEqual({'name': 'café'},
                         self.read_input(replayed['execution_id']))

    def test_targets(self):
        path = self.webhook()
        self.send(path)
        row, = self.list(path)
        second = self.api.function(name='second').id
        for body, expected in (
                ({'function_version': 1}, (self.function, 1, None)),
                ({'function_alias': 'prod'}, (self.function, 1, 'prod')),
                ({'function_id': second}, (second, 0, None))):
            id = self.replay(path, row, body)['execution_id']
            execution = self.api.row(models.Execution, id)
            self.assertEqual(expected, (
                execution.function_id, execution.function_version,
                execution.function_alias))
        self.replay(path, row, {'function_version': 9}, 404)
        self.replay(path, row, {'function_alias': 'none'}, 404)
        self.replay(path, row, {'function_alias': 'prod',
                                'function_version': 1}, 400)

    def test_by_filter(self):
        path = self.webhook(signature='github', secret=SECRET)
        for _ in range(3):
            self.send(path, status=401)
        self.list(path)
        url = f'{path}/deliveries/replay'
        body = {'filter': {'status': 'refused'}, 'limit': 2}
        preview = self.call('POST', url, dict(body, dry_run=True), 202)
        self.assertEqual([None, None], [
            item['execution_id'] for item in preview['replays']])
        first = self.call('POST', url, body, 202)
        self.assertEqual(2, first['count'])
        second = self.call('POST', url, dict(body, marker=first['marker']),
                           202)
        self.assertEqual((1, None), (second['count'], second['marker']))
        self.assertEqual(3, len({item['execution_id'] for item in (
            *first['replays'], *second['replays'])}))
        self.assertEqual(3, len(self.list(path, '?signature=replayed')))
        for wrong in ({'filter': {'color': 'red'}}, {'limit': 0},
                      {'limit': 101}, {'filter': []}):
            self.call('POST', url, wrong, 400)

    def test_failures_are_reported(self):
        path = self.webhook()
        self.send(path, b'x' * 3000, Content_Type='text/plain')
        self.list(path)
        item, = self.call('POST', f'{path}/deliveries/replay', {}, 202)[
            'replays']
        self.assertIn('send it again', item['reason'])
        self.assertIsNone(item['execution_id'])


class TestStrangers(DeliveriesTest):
    """Bytes of strangers reach the function as they are."""

    def test_compressed_bodies(self):
        path = self.webhook()
        answer = self.send(path, gzip.compress(BODY), Content_Encoding='gzip')
        self.assertEqual({'name': 'café'},
                         self.read_input(answer.json['execution_id']))
        row, = self.list(path)
        self.assertEqual(
            gzip.compress(BODY)[10:],
            self.api.request('GET', f'{path}/deliveries/{row["id"]}/body'
                             ).body[10:])
        self.send(path, b'no gzip', 400, Content_Encoding='gzip')
        self.send(path, gzip.compress(BODY)[:-3], 400,
                  Content_Encoding='gzip')
        self.send(path, gzip.compress(b'{"a": "%s"}' % (b'x' * 9000)), 413,
                  Content_Encoding='gzip')
        self.send(path, BODY, 400, Content_Encoding='br')

    def test_repeated_headers(self):
        path = self.webhook(payload='request')
        self.send(path)
        row, = self.list(path)
        self.assertNotIn('repeated_headers',
                         self.read_input(row['execution_id']))
        request = webob.Request.blank(
            f'{path}/invoke', method='POST', headers={'X-Any': 'a, b, c'},
            environ={'qinling.headers': [('X-Any', 'a'), ('x-any', 'b, c')]})
        answer = request.get_response(self.api.app)
        values = self.read_input(answer.json['execution_id'])
        self.assertEqual({'x-any': ['a', 'b, c']},
                         values['repeated_headers'])
        self.assertEqual('a, b, c', values['headers']['x-any'])

    def test_paths(self):
        path = self.webhook(payload='request', previews=True)
        for suffix, expected in (
                ('', None), ('/', None), ('/a', '/a'), ('/a/', '/a/'),
                ('/a//b.json', '/a//b.json'), ('/caf%C3%A9', '/café'),
                ('/invoke/x', '/invoke/x')):
            for start in ('', '/versions/1', '/aliases/prod'):
                answer = self.api.request(
                    'POST', f'{path}{start}/invoke{suffix}', BODY)
                self.assertEqual(202, answer.status_int, answer.text)
                self.assertEqual(expected, self.read_input(
                    answer.json['execution_id']).get('path'))
        self.call('POST', f'{path}/deliveries/x/y/z', {}, 404)
