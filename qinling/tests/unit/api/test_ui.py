# SPDX-License-Identifier: Apache-2.0
"""The web interface: files, protection and login."""

import base64
import gzip
import hashlib
import html
import json
import pathlib
import re

from keystoneauth1 import exceptions as keystone_exc
import webob

from qinling.api import app
from qinling.api.ui import application
from qinling.api.ui import assets
from qinling.api.ui import login
from qinling.tests.unit.api import cases

PAGE = '/ui/'
CREDENTIALS = {'user': 'ada', 'password': 'secret', 'project': 'demo',
               'domain': 'Default'}


class UiTest(cases.ApiTest):
    def send(self, path, method='GET', **options):
        """Return the answer to a request."""
        return webob.Request.blank(
            path, method=method, **options).get_response(self.api.app)

    def list_files(self):
        """Return the URLs that the page names."""
        return re.findall(r'(?:href|src)="([^"]+)"', self.send(PAGE).text)


class TestFiles(UiTest):
    def test_page_is_protected_and_checked_for_changes(self):
        answer = self.send(PAGE)
        self.assertEqual('text/html', answer.content_type)
        self.assertEqual(
            application.POLICY.format(assets.Assets().early_digest),
            answer.headers['Content-Security-Policy'])
        self.assertNotIn('unsafe', application.POLICY)
        self.assertEqual('nosniff', answer.headers['X-Content-Type-Options'])
        self.assertEqual('no-cache', answer.headers['Cache-Control'])
        again = self.send(PAGE, headers={
            'If-None-Match': answer.headers['ETag']})
        self.assertEqual((304, b''), (again.status_int, again.body))

    def test_page_has_no_inline_code_but_that_of_the_policy(self):
        answer = self.send(PAGE)
        scripts = re.findall(r'<script>(.*?)</script>', answer.text, re.DOTALL)
        self.assertEqual(1, len(scripts))
        digest = base64.b64encode(hashlib.sha256(
            scripts[0].encode()).digest()).decode()
        self.assertIn(f"script-src 'self' 'sha256-{digest}';",
                      answer.headers['Content-Security-Policy'])
        self.assertNotRegex(answer.text.replace(scripts[0], '', 1),
                            r'<script(?!>|[^>]*src=)|<style|\son\w+=')

    def test_page_asks_for_the_lists_of_the_views(self):
        early = (assets.DIRECTORY / 'early.js').read_text()
        for noun in ('functions', 'executions'):
            self.assertIn(f"{noun}: '/{noun}?", early)
            self.assertIn(f'LISTS.{noun}', (
                assets.DIRECTORY / 'views' / f'{noun}.js').read_text())

    def test_named_files_exist_and_stay(self):
        names = self.list_files()
        self.assertGreater(len(names), 9)
        for name in names:
            answer = self.send(PAGE + name)
            self.assertEqual(200, answer.status_int, name)
            self.assertIn('immutable', answer.headers['Cache-Control'], name)

    def test_imports_of_the_first_view_are_preloaded(self):
        names = {name.partition('/')[2] for name in self.list_files()}
        self.assertEqual(
            {'app.js', 'api.js', 'components.js', 'drafts.js', 'format.js',
             'charts.js', 'vendor/htm-preact.js', 'views/functions.js'},
            {name for name in names if name.endswith('.js')})

    def test_other_views_are_routed(self):
        program = (assets.DIRECTORY / 'app.js').read_text()
        routed = set(re.findall(r": \['(\w+)', '\w+'\]", program))
        imported = {pathlib.PurePath(name).stem for view in routed
                    for name in assets.Assets().list_imports(
                        f'views/{view}.js')}
        views = {path.stem
                 for path in (assets.DIRECTORY / 'views').glob('*.js')}
        self.assertEqual(set(), views - imported)
        self.assertEqual(set(), routed - views)

    def test_page_has_the_options(self):
        text = re.search('name="qinling-options" content="([^"]+)"',
                         self.send(PAGE).text)[1]
        self.assertEqual(self.send('/ui/config.json').json,
                         json.loads(html.unescape(text)))

    def test_compression(self):
        name = PAGE + next(name for name in self.list_files()
                           if name.endswith('app.js'))
        plain = self.send(name)
        packed = self.send(name, headers={'Accept-Encoding': 'gzip, br'})
        self.assertEqual('gzip', packed.headers['Content-Encoding'])
        self.assertEqual(plain.body, gzip.decompress(packed.body))
        self.assertEqual('Accept-Encoding', plain.headers['Vary'])

    def test_first_page_is_small(self):
        total = sum(len(self.send(PAGE + name, headers={
            'Accept-Encoding': 'gzip'}).body) for name in self.list_files())
        self.assertLess(total, 100_000)

    def test_paths(self):
        self.assertEqual('http://localhost/ui/',
                         self.send('/ui').headers['Location'])
        for path in ('/ui/nothing', '/ui/app.js', '/ui/0/app.js',
                     '/ui/../conf', '/ui/login'):
            self.assertEqual(404, self.send(path).status_int, path)
        self.assertEqual(404, self.send('/uix').status_int)
        refused = self.send(PAGE, 'POST')
        self.assertEqual((405, 'GET, HEAD'),
                         (refused.status_int, refused.headers['Allow']))
        self.assertEqual(b'', self.send(PAGE, 'HEAD').body)

    def test_options(self):
        answer = self.send('/ui/config.json')
        self.assertEqual('noauth', answer.json['auth'])
        self.assertEqual({'auth', 'version', 'api_url'}, set(answer.json))
        self.assertEqual('no-store', answer.headers['Cache-Control'])

    def test_option_turns_the_interface_off(self):
        self.api.conf.set_override('ui', False, group='api')
        self.api.app = app.create_app(self.api.services)
        self.assertEqual(404, self.send(PAGE).status_int)

    def test_modules_set_no_html(self):
        for path in assets.DIRECTORY.rglob('*.js'):
            if 'vendor' not in path.parts:
                self.assertNotRegex(
                    path.read_text(), 'innerHTML|outerHTML|insertAdjacent|'
                    'document.write|dangerouslySet|eval[(]', str(path))

    def test_distribution_contains_the_files(self):
        declared = pathlib.Path(__file__).parents[4] / 'setup.cfg'
        text = declared.read_text()
        for directory in {path.parent.relative_to(assets.DIRECTORY.parent)
                          for path in assets.DIRECTORY.rglob('*')
                          if path.is_file()}:
            self.assertIn(f'\n    {directory}/*\n', text)


class Options:
    """Options of the token middleware."""

    www_authenticate_uri = 'https://keystone.example.com'
    auth_url = 'http://keystone.internal'
    insecure, cafile = False, None


OPTIONS = {'keystone_authtoken': Options}


class TestLogin(UiTest):
    def setUp(self):
        super().setUp()
        self.credentials = []
        self.outcome = 'a-token'
        self.patch(login.Login, '_request_token', self.request_token)
        self.patch(login, 'create', lambda _conf: login.Login(OPTIONS))
        self.api.app = app.create_app(self.api.services)

    def request_token(self, credentials):
        self.credentials.append(credentials)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def log_in(self, body=None, content_type='application/json'):
        """Return the answer to a login."""
        return self.send('/ui/login', 'POST', body=body or json.dumps(
            CREDENTIALS).encode(), content_type=content_type)

    def test_token(self):
        answer = self.log_in()
        self.assertEqual((200, {'token': 'a-token'}),
                         (answer.status_int, answer.json))
        self.assertEqual('no-store', answer.headers['Cache-Control'])
        self.assertEqual([login.Credentials(**CREDENTIALS)],
                         self.credentials)
        self.assertNotIn('secret', repr(self.credentials))

    def test_wrong_password_slows_down(self):
        self.outcome = keystone_exc.Unauthorized()
        statuses = [self.log_in().status_int for _ in range(20)]
        self.assertEqual({401, 429}, set(statuses))
        self.assertEqual(429, statuses[-1])
        self.assertLess(len(self.credentials), 20)

    def test_keystone_is_down(self):
        self.outcome = keystone_exc.ConnectFailure('secret detail')
        answer = self.log_in()
        self.decode(answer, 503)
        self.assertNotIn('detail', answer.text)

    def test_bad_requests(self):
        for body in (b'{', b'[]', b'[' * 4000, b'{"user": "ada"}',
                     json.dumps({**CREDENTIALS, 'more': 1}).encode(),
                     json.dumps({**CREDENTIALS, 'user': 7}).encode(),
                     json.dumps({**CREDENTIALS, 'user': ''}).encode()):
            self.decode(self.log_in(body), 400)
        self.decode(self.log_in(b' ' * 5000), 413)
        self.assertEqual(415, self.log_in(
            content_type='text/plain').status_int)
        self.assertEqual((405, 'POST'), (
            self.send('/ui/login').status_int,
            self.send('/ui/login').headers['Allow']))
        self.assertEqual([], self.credentials)

    def test_address_of_keystone(self):
        self.assertEqual(Options.auth_url, login.Login(OPTIONS)._url)
