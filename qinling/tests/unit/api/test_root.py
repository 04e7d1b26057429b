# SPDX-License-Identifier: Apache-2.0
"""The version documents."""

from qinling.tests.unit.api import cases

FORWARDED = {'X_Forwarded_Proto': 'https', 'X_Forwarded_Host': 'cloud.org',
             'X_Forwarded_Prefix': '/functions'}


def versions(url):
    """Return the body of ``/`` at a URL."""
    return {'versions': [{
        'id': 'v1.0', 'status': 'CURRENT',
        'links': [{'href': f'{url}/v1', 'target': 'v1', 'rel': 'self'}]}]}


class TestRoot(cases.ApiTest):
    def test_versions(self):
        self.assertEqual(versions('http://localhost'),
                         self.call('GET', '/'))
        self.assertEqual(versions('http://localhost'), self.call('GET', ''))

    def test_v1(self):
        for path in ('/v1', '/v1/'):
            self.assertEqual({'uri': 'http://localhost/v1'},
                             self.call('GET', path))

    def test_links_use_the_host_header(self):
        for host in ('cloud.org', 'cloud.org:7070', '127.0.0.1:80'):
            url = f'http://{host.removesuffix(":80")}'
            self.assertEqual(versions(url), self.call('GET', '/', Host=host))
            self.assertEqual({'uri': f'{url}/v1'},
                             self.call('GET', '/v1', Host=host))

    def test_links_of_an_absolute_url(self):
        answer = self.api.request('GET', 'http://h/v1')
        self.assertEqual({'uri': 'http://h/v1'}, answer.json)

    def test_proxy_headers_are_ignored(self):
        self.assertEqual(versions('http://localhost'),
                         self.call('GET', '/', **FORWARDED))

    def test_unknown_query_keys_are_refused(self):
        for path in ('/', '/v1'):
            self.fault(400, 'Unknown argument: "x"', 'GET', path + '?x=1')


class TestBehindAProxy(cases.ApiTest):
    GROUPS = {'api': {'enable_proxy_headers_parsing': True}}

    def test_proxy_headers_are_used(self):
        url = 'https://cloud.org/functions'
        self.assertEqual(versions(url), self.call('GET', '/', **FORWARDED))
        self.assertEqual({'uri': f'{url}/v1'},
                         self.call('GET', '/v1', **FORWARDED))

    def test_next_links_use_the_proxy(self):
        for _ in range(2):
            self.api.runtime()
        page = self.call('GET', '/v1/runtimes?limit=1', **FORWARDED)
        self.assertTrue(page['next'].startswith(
            'https://cloud.org/functions/v1/runtimes?'), page['next'])

    def test_requests_without_proxy_headers(self):
        self.assertEqual(versions('http://localhost'),
                         self.call('GET', '/'))
