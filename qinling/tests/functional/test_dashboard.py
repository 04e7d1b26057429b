# SPDX-License-Identifier: Apache-2.0
"""Tasks of users, done in the web interface by a real browser."""

import json
import re
import tempfile
import unittest

import bcrypt
from playwright.sync_api import expect

from qinling.tests.functional import base as servers
from qinling.tests.functional import browsers

CODE = '''\
import time


def main(order=1, slow=0, **kwargs):
    print('order', order)
    time.sleep(slow)
    if order == 13:
        raise ValueError('no stock')
    return {'order': order, 'state': 'paid'}
'''
EVIL = '<img src=x onerror=window.attacked=1>'
EVIL_CODE = f'def main(**kwargs):\n    print({EVIL!r})\n    return {EVIL!r}\n'
SCHEMA = {
    'type': 'object', 'required': ['item'], 'properties': {
        'item': {'type': 'string', 'title': 'Item'},
        'count': {'type': 'integer', 'minimum': 1},
        'size': {'enum': ['small', 'large']},
        'gift': {'type': 'boolean', 'description': 'Wrap it.'},
        'currency': {'type': 'string', 'default': 'EUR'},
        'tags': {'type': 'array', 'items': {'type': 'string'}}}}

#: Policy that the users of one server lack.
DENIED = 'statistics:get_project'


class BrowserTest(servers.Shared, unittest.TestCase):
    """Tests with one server and one browser."""

    @classmethod
    def make_server(cls):
        return servers.Standalone()

    @classmethod
    def setUpClass(cls):
        browsers.find_program()
        super().setUpClass()
        cls.browser = browsers.Browser()
        cls.addClassCleanup(cls.browser.close)

    def open(self, route, **options):
        """Return a page at a route; the page must log no errors."""
        page, messages = self.browser.open(
            f'{self.client.url}/ui/#/{route}', **options)

        def check():
            page.context.close()
            self.assertEqual([], messages)
        self.addCleanup(check)
        return page

    def press(self, page, name, scope='body'):
        """Press a button by its name."""
        page.locator(scope).get_by_role(
            'button', name=name, exact=True).first.click()


class LoginTest(BrowserTest):
    """An empty server, with passwords and a user without rights."""

    @classmethod
    def make_server(cls):
        cls.users = tempfile.NamedTemporaryFile('w')
        cls.addClassCleanup(cls.users.close)
        for name in ('ada', 'root'):
            hashed = bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()
            cls.users.write(f'{name}:{hashed}\n')
        cls.users.flush()
        policies = tempfile.NamedTemporaryFile('w', suffix='.yaml')
        cls.addClassCleanup(policies.close)
        policies.write(f'"{DENIED}": "!"\n')
        policies.flush()
        return servers.Standalone(
            api={'auth_strategy': 'http_basic'},
            oslo_policy={'policy_file': policies.name},
            http_basic={'user_file': cls.users.name, 'admins': 'root'})

    def log_in(self, page, user, password):
        page.locator('input[name=user]').fill(user)
        page.locator('input[name=password]').fill(password)
        page.get_by_role('button', name='Log in').click()

    def test_login(self):
        page = self.open('functions')
        self.log_in(page, 'ada', 'wrong')
        expect(page.locator('form [role=alert]')).to_be_visible()
        self.log_in(page, 'ada', 'secret')
        expect(page.get_by_text('No functions yet')).to_be_visible()
        self.assertNotIn('secret', page.evaluate(
            'JSON.stringify([localStorage, sessionStorage, '
            'document.cookie])'))
        page.reload()
        expect(page.locator('input[name=password]')).to_be_visible()

    def test_views_of_an_empty_server(self):
        page = self.open('functions')
        self.log_in(page, 'ada', 'secret')
        for route in ('functions', 'aliases', 'executions',
                      'executions?view=failures', 'jobs', 'webhooks',
                      'admin'):
            page.evaluate(f'location.hash = "#/{route}"')
            expect(page.locator('h1')).to_be_visible()
            expect(page.locator('.loading')).to_have_count(0)

    def test_user_without_a_right(self):
        page = self.open('functions')
        self.log_in(page, 'ada', 'secret')
        expect(page.get_by_text('No functions yet')).to_be_visible()
        note = page.get_by_role('note')
        expect(note).to_contain_text(
            f'Not shown: Operation not allowed: it needs the policy {DENIED}.')
        page.evaluate('location.hash = "#/jobs"')
        expect(page.get_by_role('heading', name='Jobs', exact=True)
               ).to_be_visible()
        expect(note).to_have_count(0)

    def test_log_out(self):
        page = self.open('functions')
        self.log_in(page, 'root', 'secret')
        page.get_by_role('button', name='Log out root').click()
        expect(page.locator('input[name=password]')).to_be_visible()


class DashboardTest(BrowserTest):
    """Tasks on a server with functions of all kinds."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        client = cls.client
        cls.function = client.create(CODE, name='orders')['id']
        path = f'/v1/functions/{cls.function}'
        client.call('POST', f'{path}/versions', {'message': 'First'})
        client.form('PUT', path, {}, servers.package(
            CODE.replace("'paid'", "'settled'")))
        for message in ('Settle at once', 'The same again'):
            client.call('POST', f'{path}/versions', {'message': message})
        client.call('POST', '/v1/aliases', {
            'name': 'prod', 'function_id': cls.function,
            'function_version': 1})
        client.call('PUT', '/v1/aliases/prod', {
            'routing': {'1': 0.7, '2': 0.3}})
        cls.job = client.call('POST', '/v1/jobs', {
            'name': 'nightly', 'function_id': cls.function,
            'pattern': '0 2 * * *', 'timezone': 'Europe/Berlin'})[1]['id']
        cls.hook = client.call('POST', '/v1/webhooks', {
            'function_id': cls.function, 'description': 'shop',
            'signature': 'github'})[1]['id']
        cls.failed = client.run(cls.function, '{"order": 13}')['id']
        cls.slow = client.run(cls.function, '{"slow": 0.4}')['id']
        cls.evil = client.create(EVIL_CODE, name=EVIL, description=EVIL)['id']
        cls.evil_run = client.run(cls.evil, json.dumps({'x': EVIL}))['id']

    @property
    def routes(self):
        """Return the routes of all views."""
        return ['functions', f'functions/{self.function}',
                f'functions/{self.function}/versions?from=1&to=2', 'aliases',
                'aliases/prod', 'executions', 'executions?view=failures',
                f'executions/{self.failed}', 'jobs', f'jobs/{self.job}',
                'webhooks', f'webhooks/{self.hook}', 'admin']

    def test_create(self):
        page = self.open('functions')
        self.press(page, 'New function')
        page.locator('input[name=name]').fill('created')
        self.press(page, 'Create')
        expect(page.locator('h1')).to_contain_text('created')

    def test_edit_and_run(self):
        id = self.client.create(CODE, name='edited')['id']
        page = self.open(f'functions/{id}')
        area = page.locator('.editor textarea')
        expect(area).to_have_value(CODE)
        area.fill('def main(**kwargs):\n    print("log")\n    return 42\n')
        self.press(page, 'Save')
        expect(page.get_by_text('Saved;')).to_be_visible()
        self.press(page, 'Run')
        expect(page.locator('.result')).to_have_text('42')
        expect(page.locator('.log')).to_contain_text('log')

    def test_form(self):
        id = self.client.create(
            'def main(**kwargs):\n    return sorted(kwargs.items())\n',
            name='form', input_schema=json.dumps(SCHEMA))['id']
        page = self.open(f'functions/{id}')
        page.get_by_label('Item (required)').fill('tea')
        page.get_by_label('count').fill('3')
        page.get_by_label('size').select_option('large')
        page.get_by_label('gift').select_option('yes')
        tags = page.get_by_label('tags')
        tags.fill('["hot"]')
        tags.blur()
        expect(page.get_by_label('Input (JSON)')).to_have_value(
            '{"currency":"EUR","item":"tea","count":3,"size":"large",'
            '"gift":true,"tags":["hot"]}')
        self.press(page, 'Run')
        expect(page.locator('.result')).to_contain_text('"tea"')
        page.get_by_label('count').fill('0')
        self.press(page, 'Run')
        expect(page.get_by_text('/count')).to_be_visible()

    def test_publish(self):
        id = self.client.create(CODE, name='published')['id']
        page = self.open(f'functions/{id}')
        self.press(page, 'Publish')
        page.get_by_label('Message').fill('First release')
        self.press(page, 'Publish version 1')
        expect(page.get_by_text('Published version 1.')).to_be_visible()

    def test_difference(self):
        page = self.open(f'functions/{self.function}/versions')
        page.get_by_role('combobox', name='From',
                         exact=True).select_option('1')
        page.get_by_role('combobox', name='To', exact=True).select_option('2')
        expect(page.locator('.diff .added')).to_contain_text('settled')
        page.reload()
        expect(page.locator('.diff .removed')).to_contain_text('paid')

    def test_used_by(self):
        page = self.open(f'functions/{self.function}/versions')
        page.get_by_role('row', name=re.compile('v1 ')).get_by_role(
            'button').click()
        expect(page.locator('.facts')).to_contain_text('prod')

    def test_send_a_share_and_roll_back(self):
        page = self.open('aliases/prod')
        page.get_by_role('combobox', name='Version',
                         exact=True).select_option('3')
        self.press(page, '10 %')
        self.press(page, 'Apply')
        expect(page.get_by_text('Sends 10 % to version 3.')).to_be_visible()
        alias = self.client.get('/v1/aliases/prod')
        self.assertEqual({'1': 0.9, '3': 0.1}, alias['routing'])
        self.press(page, 'Roll back')
        expect(page.get_by_text('Rolled back.')).to_be_visible()
        self.assertEqual({'1': 0.7, '2': 0.3}, self.client.get(
            '/v1/aliases/prod')['routing'])

    def test_find_a_failure_and_run_the_fix(self):
        page = self.open('executions?view=failures')
        page.get_by_role('link', name='Last one').first.click()
        expect(page.locator('.log')).to_contain_text('ValueError')
        page.get_by_label('Input', exact=True).last.fill('{"order": 14}')
        self.press(page, 'Run again')
        expect(page.locator('.result')).to_contain_text('14')

    def test_slowest(self):
        page = self.open('executions')
        page.get_by_role('combobox', name='Order',
                         exact=True).select_option('duration')
        expect(page.locator('tbody a').first).to_have_text(self.slow[:8])
        self.assertIn('sort=duration', page.url)

    def test_filter_of_the_url(self):
        page = self.open('executions?status=failed')
        expect(page.locator('tbody tr[aria-rowindex]')).to_have_count(1)
        page.reload()
        expect(page.locator('tbody tr[aria-rowindex]')).to_have_count(1)

    def test_rerun_all(self):
        page = self.open(
            f'executions?function_id={self.function}&status=failed')
        self.press(page, 'Rerun all')
        page.get_by_role('button', name=re.compile('Yes, rerun')).click()
        expect(page.get_by_text('done,')).to_contain_text('of')

    def test_explain(self):
        page = self.open(f'executions/{self.slow}')
        expect(page.locator('.stage')).to_have_count(3)
        self.press(page, 'Explain')
        expect(page.get_by_text('allowed')).to_be_visible()

    def test_commands(self):
        page = self.open(f'executions/{self.slow}')
        page.get_by_role('button', name='Commands for this view').click()
        expect(page.locator('.commands')).to_contain_text(
            f'qinling function execution rerun {self.slow}')

    def test_job(self):
        page = self.open(f'jobs/{self.job}')
        expect(page.locator('.slot').first).to_be_visible()
        self.press(page, 'Count')
        expect(page.get_by_role('button', name='Run 0 times')).to_be_visible()
        self.press(page, 'Pause')
        expect(page.get_by_role('button', name='Resume')).to_be_visible()

    def test_rotate_and_send(self):
        page = self.open(f'webhooks/{self.hook}')
        self.press(page, 'Rotate')
        secret = page.locator('.card', has_text='Senders sign').locator(
            'code').inner_text()
        page.get_by_label('Secret to sign with').fill(secret)
        self.press(page, 'Send')
        expect(page.locator('.answer')).to_contain_text('execution_id')
        page.get_by_label('Secret to sign with').fill('wrong')
        self.press(page, 'Send')
        expect(page.locator('.answer')).to_contain_text('401')

    def test_deliveries(self):
        path = f'/v1/webhooks/{self.hook}'
        self.client.request('POST', f'{path}/invoke/{EVIL[:4]}', EVIL, {
            'X-Evil': EVIL, 'Content-Type': 'text/html'})
        page = self.open(f'webhooks/{self.hook}')
        table = page.get_by_role('region', name='Deliveries')
        expect(table).to_contain_text('invalid')
        table.locator('a').first.click()
        expect(page.get_by_label('Body')).to_have_text(EVIL)
        expect(page.get_by_label('Headers')).to_contain_text(f': {EVIL}')
        expect(page.locator('.facts')).to_contain_text('no signature')
        self.press(page, 'Replay')
        expect(page.locator('.facts')).to_contain_text('replayed')
        expect(page.locator('.facts')).to_contain_text('Replay of')
        self.assertIsNone(page.evaluate('window.attacked || null'))
        with page.expect_download() as download:
            self.press(page, 'Download')
        self.assertEqual(EVIL, download.value.path().read_text())

    def test_attacks(self):
        for route in ('functions', f'functions/{self.evil}', 'executions',
                      f'executions/{self.evil_run}'):
            with self.subTest(route=route):
                page = self.open(route)
                expect(page.get_by_text(EVIL).filter(
                    visible=True).first).to_be_visible()
                self.assertIsNone(page.evaluate('window.attacked || null'))
                self.assertEqual(0, page.locator('img').count())

    def test_narrow(self):
        page = self.open('functions', width=380)
        for route in self.routes:
            page.goto(f'{self.client.url}/ui/#/{route}')
            expect(page.locator('h1')).to_be_visible()
            page.wait_for_timeout(100)
            self.assertLessEqual(page.evaluate(
                'document.documentElement.scrollWidth'), 380, route)

    def test_accessibility(self):
        script = browsers.fetch_axe()
        for scheme in ('dark', 'light'):
            page = self.open('functions', scheme=scheme)
            for route in self.routes:
                page.goto(f'{self.client.url}/ui/#/{route}')
                expect(page.locator('h1')).to_be_visible()
                page.wait_for_timeout(300)
                page.evaluate(script)
                violations = page.evaluate(
                    "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa']})"
                    '.then((result) => result.violations.map((item) => '
                    'item.id + ": " + item.nodes[0].html))')
                self.assertEqual([], violations, f'{scheme} {route}')

    def test_first_page(self):
        page = self.open('functions')
        expect(page.get_by_role('table')).to_be_visible()
        sizes = dict(page.evaluate(
            "performance.getEntriesByType('resource').map("
            '(entry) => [entry.name, entry.encodedBodySize])'))
        for part in ('/app.js', '/style.css', '/v1/functions?'):
            self.assertLess(0, sum(size for name, size in sizes.items()
                                   if part in name), part)
        self.assertLess(sum(sizes.values()), 150_000)

    def test_search_finds_functions_beyond_the_first_page(self):
        for number in range(60):
            row = self.client.create(CODE, name=f'report-{number:02}')
            self.addCleanup(self.client.call, 'DELETE',
                            f'/v1/functions/{row["id"]}')
        page = self.open('functions')
        name = page.get_by_role('link', name='report-59')
        expect(name).to_have_count(0)
        page.get_by_label('Search').fill('PORT-59')
        expect(name).to_be_visible()
        expect(page.get_by_label('Search')).to_be_focused()

    def test_api_down(self):
        page = self.open('functions')
        expect(page.get_by_text('orders').first).to_be_visible()
        page.route('**/v1/**', lambda route: route.abort())
        expect(page.get_by_text('What you see is the last')).to_be_visible()
        expect(page.get_by_text('orders').first).to_be_visible()
        page.unroute('**/v1/**')
        expect(page.get_by_text('What you see is the last')).to_be_hidden()
