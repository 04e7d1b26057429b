# SPDX-License-Identifier: Apache-2.0
"""``/v1/webhooks`` as owners see it."""

import json

from qinling.core import secrets
from qinling.db import models
from qinling.tests.unit.api import cases

ALL = '/v1/webhooks'
#: Keys that the old client reads.
OLD_KEYS = {'id', 'function_alias', 'function_id', 'function_version',
            'description', 'project_id', 'created_at', 'updated_at',
            'webhook_url'}
KEYS = OLD_KEYS | {'sync', 'payload', 'signature', 'previous_until',
                   'refused', 'methods', 'origins', 'previews', 'stream',
                   'preview_urls', 'keep_deliveries'}
SECRET = 'a secret of a sender'


class WebhookTest(cases.ApiTest):
    GROUPS = {'secrets': {'encryption_keys': [secrets.new_key()]}}

    def setUp(self):
        super().setUp()
        self.function = self.api.function().id
        self.api.insert(models.FunctionVersion, version_number=1,
                        function_id=self.function)
        self.api.insert(models.FunctionAlias, name='prod',
                        function_id=self.function, function_version=1)

    def create(self, status=201, **body):
        if 'function_alias' not in body:
            body.setdefault('function_id', self.function)
        return self.call('POST', ALL, body, status)

    def url(self, row, suffix=''):
        return f'{ALL}/{row["id"]}{suffix}'


class TestCreate(WebhookTest):
    def test_defaults(self):
        row = self.create()
        self.assertEqual(KEYS | {'secret'}, set(row))
        self.assertEqual(
            (self.function, 0, None, None, False, 'merged', None, None, 0,
             None, 'default', None),
            tuple(row[key] for key in (
                'function_id', 'function_version', 'function_alias',
                'description', 'sync', 'payload', 'signature',
                'previous_until', 'refused', 'secret', 'project_id',
                'updated_at')))
        webhook = self.call('GET', self.url(row))
        del row['secret']
        self.assertEqual(row, webhook)

    def test_create_by_the_old_client(self):
        """Send explicit nulls."""
        for body, expected in (
                ({'function_id': self.function, 'function_version': None,
                  'function_alias': None}, (self.function, 0, None)),
                ({'function_id': self.function, 'function_version': 1,
                  'function_alias': None, 'description': 'd'},
                 (self.function, 1, None)),
                ({'function_id': None, 'function_version': None,
                  'function_alias': 'prod'}, (None, None, 'prod'))):
            row = self.call('POST', ALL, body, 201)
            self.assertEqual(expected, (
                row['function_id'], row['function_version'],
                row['function_alias']))
            self.assertLessEqual(OLD_KEYS, set(row))

    def test_all_fields(self):
        fields = {'function_version': 1, 'description': 'naïve 😀',
                  'sync': True, 'payload': 'request', 'signature': 'github',
                  'secret': SECRET}
        row = self.create(**fields)
        self.assertEqual(fields, {key: row[key] for key in fields})

    def test_invalid_webhooks_are_refused(self):
        for words, body in (
                ('Either function_alias or function_id', {
                    'function_id': None}),
                ('is not a UUID', {'function_id': 'x'}),
                ('payload must be one of: merged, request', {
                    'payload': 'x'}),
                ('signature must be one of: github, stripe, slack, standard',
                 {'signature': 'x'}),
                ('needs a signature', {'secret': SECRET}),
                ('8 to 255 printable', {'signature': 'slack',
                                        'secret': 'x'}),
                ('24 to 64 bytes', {'signature': 'standard',
                                    'secret': SECRET}),
                ('read only', {'refused': 5}), ('read only', {'id': 'x'}),
                ('read only', {'webhook_url': 'x'}),
                ('Unknown attribute', {'previous_secret': 'x'}),
                ('description is too long', {'description': 'x' * 256}),
                ('', {'function_version': -1}), ('', {'sync': 'perhaps'})):
            body = {'function_id': self.function, **body}
            self.fault(400, words, 'POST', ALL, body)
        self.assertEqual([], self.call('GET', ALL)['webhooks'])

    def test_unknown_targets_return_404(self):
        for words, body in (
                (f'Function not found [id={cases.UNKNOWN_ID}]', {
                    'function_id': cases.UNKNOWN_ID}),
                ('FunctionVersion not found', {
                    'function_id': self.function, 'function_version': 9}),
                ('FunctionAlias not found [name=x]', {
                    'function_alias': 'x'})):
            self.fault(404, words, 'POST', ALL, body)

    def test_signatures_need_an_encryption_key(self):
        self.api.conf.set_override('encryption_keys', [], group='secrets')
        self.api.restart()
        self.fault(503, 'the operator sets one in [secrets] encryption_keys',
                   'POST', ALL, {'function_id': self.function,
                                 'signature': 'github'})
        self.create()


class TestUrl(WebhookTest):
    def create_url(self, **headers):
        row = self.call('POST', ALL, {'function_id': self.function}, 201,
                        **headers)
        listed = self.call('GET', ALL, **headers)['webhooks'][-1]
        self.assertEqual(row['webhook_url'], listed['webhook_url'])
        return row['webhook_url'].replace(row['id'], 'ID')

    def test_url_uses_the_host_header(self):
        self.assertEqual('http://faas.example.com:7070/v1/webhooks/ID/invoke',
                         self.create_url(Host='faas.example.com:7070'))

    def test_proxy_headers_need_an_option(self):
        claims = {'X_Forwarded_Proto': 'https', 'X_Forwarded_Host': 'a.b',
                  'Host': 'inner'}
        self.assertEqual('http://inner/v1/webhooks/ID/invoke',
                         self.create_url(**claims))
        self.api.conf.set_override('enable_proxy_headers_parsing', True,
                                   group='api')
        self.api.restart()
        self.assertEqual('https://a.b/v1/webhooks/ID/invoke',
                         self.create_url(**claims))

    def test_url_uses_the_configured_endpoint(self):
        for slash in ('', '/'):
            self.api.conf.set_override(
                'qinling_endpoint', f'https://faas.example.com/qinling{slash}')
            self.api.restart()
            self.assertEqual(
                'https://faas.example.com/qinling/v1/webhooks/ID/invoke',
                self.create_url(Host='inner'))

    def test_url_can_be_called(self):
        row = self.create()
        self.call('POST', row['webhook_url'].removeprefix(
            'http://localhost'), status=202)


class TestChanges(WebhookTest):
    def test_update_by_the_old_client(self):
        row = self.create()
        changed = self.call('PUT', self.url(row), {
            'function_id': None, 'function_version': '1',
            'description': None})
        self.assertEqual((self.function, 1, None), (
            changed['function_id'], changed['function_version'],
            changed['description']))
        self.assertEqual(KEYS, set(changed))
        self.assertIsNotNone(changed['updated_at'])

    def test_update_of_the_description_keeps_the_alias(self):
        row = self.create(function_alias='prod')
        changed = self.call('PUT', self.url(row), {
            'function_id': None, 'function_version': None,
            'description': 'd'})
        self.assertEqual(('prod', None, None, 'd'), (
            changed['function_alias'], changed['function_id'],
            changed['function_version'], changed['description']))

    def test_update_between_function_and_alias(self):
        row = self.create()
        for fields, expected in (
                ({'function_alias': 'prod'}, ('prod', None, None)),
                ({'function_id': self.function}, (None, self.function, 0))):
            changed = self.call('PUT', self.url(row), fields)
            self.assertEqual(expected, (
                changed['function_alias'], changed['function_id'],
                changed['function_version']))

    def test_sync_and_payload(self):
        row = self.create()
        fields = {'sync': True, 'payload': 'request'}
        changed = self.call('PUT', self.url(row), fields)
        self.assertEqual(fields, {key: changed[key] for key in fields})

    def test_methods(self):
        row = self.create()
        self.assertEqual(['POST'], row['methods'])
        for methods, expected in ((['GET', 'POST', 'GET'], ['POST', 'GET']),
                                  (['DELETE'], ['DELETE']), (None, ['DELETE']),
                                  (['POST'], ['POST'])):
            changed = self.call('PUT', self.url(row), {'methods': methods})
            self.assertEqual(expected, changed['methods'])
        for methods in ([], ['HEAD'], ['POST', 'OPTIONS'], ['get'], ['']):
            self.fault(400, 'methods must be a list of: POST, GET', 'PUT',
                       self.url(row), {'methods': methods})
            self.fault(400, 'methods must be', 'POST', ALL, {
                'function_id': self.function, 'methods': methods})

    def test_origins(self):
        row = self.create()
        self.assertEqual([], row['origins'])
        many = [f'https://{number}.example' for number in range(32)]
        for origins, expected in (
                (['HTTPS://App.Example:443', 'https://app.example',
                  'http://127.0.0.1:8080', 'http://[::1]:80'],
                 ['https://app.example', 'http://127.0.0.1:8080',
                  'http://[::1]']),
                (None, ['https://app.example', 'http://127.0.0.1:8080',
                        'http://[::1]']),
                (['*'], ['*']), (many, many), ([], [])):
            changed = self.call('PUT', self.url(row), {'origins': origins})
            self.assertEqual(expected, changed['origins'])
        self.assertEqual(['*'], self.create(origins=['*'])['origins'])
        for origin in ('', 'null', 'app.example', 'https://app.example/',
                       'https://app.example/page', 'https://', 'ftp://a',
                       'https://*.example', 'https://u@a', 'https://a:0',
                       'https://a:65536', 'https://a:', 'https://a b',
                       'https://a\n', 'https://m\xfcller.example',
                       'https://' + 'a' * 255, 'https://a, https://b'):
            self.fault(400, 'origins must have the form', 'PUT',
                       self.url(row), {'origins': [origin]})
            self.fault(400, 'origins must have the form', 'POST', ALL, {
                'function_id': self.function, 'origins': [origin]})
        self.fault(400, 'at most 32 origins', 'PUT', self.url(row),
                   {'origins': [*many, 'https://more.example']})
        self.fault(400, 'origins', 'PUT', self.url(row), {'origins': '*'})
        self.fault(400, 'origins', 'PUT', self.url(row), {'origins': [1]})

    def test_invalid_updates_are_refused(self):
        row = self.create(function_alias='prod')
        for status, words, body in (
                (400, 'give function_id', {'function_version': 1}),
                (400, 'Unknown attribute', {'signature': 'github'}),
                (400, 'read only', {'refused': 0}),
                (400, 'Unknown attribute', {'secret': SECRET}),
                (404, 'Function not found', {'function_id': cases.UNKNOWN_ID}),
                (400, 'payload must be', {'payload': 'x'})):
            self.fault(status, words, 'PUT', self.url(row), body)

    def test_etags(self):
        row = self.create()
        path = self.url(row)
        self.assertEqual('"1"', self.api.request('GET', path).headers['ETag'])
        self.call('PUT', path, {'description': 'd'}, If_Match='"1"')
        for method, suffix, body in (('PUT', '', {'description': 'e'}),
                                     ('DELETE', '', None),
                                     ('POST', '/secret', {}),
                                     ('DELETE', '/secret', None)):
            self.fault(412, 'changed meanwhile', method, path + suffix, body,
                       If_Match='"1"')
        self.call('DELETE', path, status=204, If_Match='"2"')

    def test_delete(self):
        row = self.create()
        self.call('DELETE', self.url(row), status=204)
        for method, suffix in (('GET', ''), ('DELETE', ''), ('PUT', ''),
                               ('POST', '/secret'), ('DELETE', '/secret'),
                               ('POST', '/invoke'), ('HEAD', '/invoke')):
            answer = self.api.request(method, self.url(row, suffix), {})
            self.assertEqual(404, answer.status_int, (method, suffix))

    def test_ids(self):
        for method in ('GET', 'PUT', 'DELETE'):
            self.fault(400, 'is not a UUID', method, f'{ALL}/x', {})
        self.fault(404, 'Webhook not found [id=x]', 'POST',
                   f'{ALL}/x/invoke')


class TestSecrets(WebhookTest):
    def list_all(self):
        """Return the JSON of the list and every webhook."""
        answers = [self.call('GET', ALL)]
        answers += [self.call('GET', self.url(row))
                    for row in answers[0]['webhooks']]
        return json.dumps(answers)

    def test_secrets_are_shown_once(self):
        row = self.create(signature='github')
        first = row['secret']
        self.assertGreater(len(first), 40)
        row = self.call('POST', self.url(row, '/secret'), {})
        self.assertEqual(KEYS | {'secret'}, set(row))
        self.assertNotIn(row['secret'], (first, None))
        self.assertIsNotNone(row['previous_until'])
        changed = self.call('PUT', self.url(row), {'description': 'd'})
        for secret in (first, row['secret']):
            self.assertNotIn(secret, self.list_all() + json.dumps(changed))
        stored_row = self.api.row(models.Webhook, row['id'])
        for ciphertext in (stored_row.secret, stored_row.previous_secret):
            self.assertNotIn(ciphertext, self.list_all())

    def test_secret_chosen_by_the_user(self):
        row = self.create()
        changed = self.call('POST', self.url(row, '/secret'), {
            'signature': 'stripe', 'secret': SECRET, 'overlap': '60'})
        self.assertEqual(('stripe', SECRET, None), (
            changed['signature'], changed['secret'],
            changed['previous_until']))

    def test_empty_body_keeps_the_signature(self):
        row = self.create(signature='slack')
        self.assertEqual('slack', self.call(
            'POST', self.url(row, '/secret'))['signature'])

    def test_delete_secret(self):
        row = self.create(signature='github')
        self.fault(401, 'no signature', 'POST', self.url(row, '/invoke'))
        self.call('DELETE', self.url(row, '/secret'), status=204)
        self.call('POST', self.url(row, '/invoke'), status=202)
        self.assertIsNone(self.call('GET', self.url(row))['signature'])

    def test_invalid_secrets_are_refused(self):
        row = self.create()
        path = self.url(row, '/secret')
        for words, body in (('no signature yet', {}),
                            ('overlap must be between 0 and 604800', {
                                'signature': 'github', 'overlap': 604801}),
                            ('signature must be one of', {'signature': 'x'}),
                            ('not a whole number', {'overlap': 1.5})):
            self.fault(400, words, 'POST', path, body)


class TestList(WebhookTest):
    def test_pages(self):
        rows = [self.create(description=str(number))['id']
                for number in range(3)]
        first = self.call('GET', f'{ALL}?limit=2')
        second = self.call('GET', first['next'])
        self.assertEqual(rows, [row['id'] for page in (first, second)
                                for row in page['webhooks']])
        self.assertEqual([KEYS] * 2, [set(row) for row in first['webhooks']])

    def test_unknown_query_keys_are_refused(self):
        self.fault(400, 'Unknown argument: "function_id"', 'GET',
                   f'{ALL}?function_id={self.function}')
