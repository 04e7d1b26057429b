# SPDX-License-Identifier: Apache-2.0
"""What the web interface keeps from one view to the next."""

from playwright.sync_api import expect

from qinling.tests.functional import test_dashboard

CODE = 'def main(**kwargs):\n    return 1\n'


class CacheTest(test_dashboard.BrowserTest):

    def test_deleted_function_is_not_shown_again(self):
        id = self.client.create(CODE, name='short-lived')['id']
        page = self.open(f'functions/{id}')
        heading = page.get_by_role('heading', name='short-lived')
        expect(heading).to_be_visible()
        status, _ = self.client.call('DELETE', f'/v1/functions/{id}')
        self.assertEqual(204, status)
        page.evaluate('location.hash = "#/jobs"')
        expect(page.get_by_role('heading', name='Jobs', exact=True)
               ).to_be_visible()
        page.evaluate(f'location.hash = "#/functions/{id}"')
        expect(page.get_by_text('Not here')).to_be_visible()
        expect(heading).to_have_count(0)

    def test_later_rows_arrive(self):
        self.client.create(CODE, name='first')
        page = self.open('functions')
        expect(page.get_by_text('first', exact=True)).to_be_visible()
        page.evaluate('location.hash = "#/jobs"')
        expect(page.get_by_role('heading', name='Jobs', exact=True)
               ).to_be_visible()
        self.client.create(CODE, name='second')
        page.evaluate('location.hash = "#/functions"')
        expect(page.get_by_text('second', exact=True)).to_be_visible()
