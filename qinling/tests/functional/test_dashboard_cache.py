# SPDX-License-Identifier: Apache-2.0
"""State of the web interface from one view to the next."""

import re

from playwright.sync_api import expect

from qinling.tests.functional import base as servers
from qinling.tests.functional import test_dashboard

CODE = 'def main(**kwargs):\n    return 1\n'
EDITED = CODE.replace('1', '2')


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

    def edit(self, name):
        """Return a page with edited code, its text area and the function."""
        id = self.client.create(CODE, name=name)['id']
        page = self.open(f'functions/{id}')
        area = page.locator('.editor textarea')
        expect(area).to_have_value(CODE)
        area.click()
        area.fill(EDITED)
        expect(page.get_by_text('not saved', exact=True)).to_be_visible()
        return page, area, id

    def test_unsaved_code_stays(self):
        page, area, id = self.edit('drafted')
        for leave in ('Versions', 'Jobs'):
            with self.subTest(leave=leave):
                page.get_by_role('link', name=leave, exact=True).click()
                expect(area).to_have_count(0)
                page.go_back()
                expect(area).to_have_value(EDITED)
                expect(page.get_by_text('not saved', exact=True)
                       ).to_be_visible()
        self.press(page, 'Save')
        expect(page.get_by_text('Saved;')).to_be_visible()
        page.get_by_role('link', name='Versions', exact=True).click()
        page.get_by_role('link', name='Code and run').click()
        expect(area).to_have_value(EDITED)
        expect(page.get_by_text('not saved')).to_have_count(0)

    def hold(self, page, method, path):
        """Hold the next requests of a method, and return the list."""
        routes = []

        def handle(route):
            if route.request.method == method:
                routes.append(route)
            else:
                route.continue_()
        page.route(re.compile(f'{re.escape(path)}$'), handle)
        return routes

    def test_code_typed_during_a_save_stays(self):
        for typed in (EDITED + '# more\n', CODE):
            with self.subTest(typed=typed):
                page, area, id = self.edit('busy')
                routes = self.hold(page, 'PUT', f'/v1/functions/{id}')
                with page.expect_request(lambda request: (
                        request.method == 'PUT')):
                    self.press(page, 'Save')
                area.fill(typed)
                routes.pop().continue_()
                expect(page.get_by_text('Saved;')).to_be_visible()
                expect(area).to_have_value(typed)
                expect(page.get_by_text('not saved', exact=True)
                       ).to_be_visible()
                self.press(page, 'Discard')
                expect(area).to_have_value(EDITED)

    def open_form(self, name):
        """Return a page with the form of a new function and its code."""
        page = self.open('functions')
        self.press(page, 'New function')
        page.locator('input[name=name]').fill(name)
        area = page.locator('.editor textarea')
        area.fill(CODE)
        return page, area

    def test_form_of_a_new_function_stays(self):
        page, area = self.open_form('typed')
        page.get_by_role('link', name='Jobs', exact=True).click()
        expect(area).to_have_count(0)
        page.go_back()
        expect(area).to_have_value(CODE)
        name = page.locator('input[name=name]')
        expect(name).to_have_value('typed')
        self.press(page, 'Discard')
        expect(area).to_have_value(re.compile('Greeting'))
        expect(name).to_have_value('')
        name.fill('stored')
        self.press(page, 'Create')
        expect(page.locator('h1')).to_contain_text('stored')
        page.go_back()
        expect(page.get_by_role('button', name='New function')
               ).to_be_visible()
        expect(area).to_have_count(0)

    def test_code_typed_during_a_creation_stays(self):
        page, area = self.open_form('growing')
        routes = self.hold(page, 'POST', '/v1/functions')
        with page.expect_request(lambda request: request.method == 'POST'):
            self.press(page, 'Create')
        area.fill(EDITED)
        routes.pop().continue_()
        expect(page.locator('h1')).to_contain_text('growing')
        expect(area).to_have_value(EDITED)
        expect(page.get_by_text('not saved', exact=True)).to_be_visible()

    def test_unsaved_code_can_be_discarded(self):
        page, area, id = self.edit('discarded')
        self.client.form('PUT', f'/v1/functions/{id}', {}, servers.package(
            CODE.replace('1', '3')))
        expect(page.get_by_text('the stored code has changed')
               ).to_be_visible()
        expect(area).to_have_value(EDITED)
        self.press(page, 'Discard')
        expect(area).to_have_value(CODE.replace('1', '3'))

    def test_page_asks_before_unsaved_code_is_lost(self):
        page, area, id = self.edit('asked')
        questions = []

        def keep(dialog):
            questions.append(dialog.type)
            dialog.dismiss()
        page.on('dialog', keep)
        page.get_by_role('link', name='Jobs', exact=True).click()
        page.get_by_role('link', name='API', exact=True).click()
        expect(page.get_by_role('heading', name='Jobs', exact=True)
               ).to_be_visible()
        self.assertEqual(['beforeunload'], questions)
        page.go_back()
        expect(area).to_have_value(EDITED)
        area.fill(CODE)
        expect(page.get_by_text('not saved')).to_have_count(0)
        page.reload()
        expect(area).to_have_value(CODE)
        self.assertEqual(['beforeunload'], questions)

    def test_deletion_tells_what_stays(self):
        id = self.client.create(CODE, name='kept')['id']
        execution = self.client.run(id, '{}')['id']
        page = self.open(f'functions/{id}')
        self.press(page, 'Delete')
        dialog = page.get_by_role('alertdialog')
        expect(dialog).to_contain_text('Its executions stay.')
        self.press(page, 'Delete', '[role=alertdialog]')
        expect(page.get_by_text('Deleted kept.')).to_be_visible()
        self.assertEqual('success', self.client.get(
            f'/v1/executions/{execution}')['status'])

    def test_download_command_names_a_file(self):
        id = self.client.create(CODE, name='downloaded')['id']
        page = self.open(f'functions/{id}')
        page.get_by_role('button', name='Commands for this view').click()
        expect(page.locator('.commands')).to_contain_text(
            f"download=true' -o {id}.zip")

    def test_commands_of_an_alias_name_versions_that_exist(self):
        id = self.client.create(CODE, name='shared')['id']
        path = f'/v1/functions/{id}/versions'
        self.client.call('POST', path, {})
        self.client.call('POST', '/v1/aliases', {
            'name': 'live', 'function_id': id, 'function_version': 1})
        page = self.open('aliases/live')
        page.get_by_role('button', name='Commands for this view').click()
        commands = page.locator('.commands')
        expect(commands).to_contain_text('alias rollback live')
        expect(commands).not_to_contain_text('--weight')
        expect(commands).not_to_contain_text('rollout start')
        for number in (2, 3):
            self.client.form('PUT', f'/v1/functions/{id}', {},
                             servers.package(CODE + f'# {number}\n'))
            self.client.call('POST', path, {})
        self.client.call('DELETE', f'{path}/3')
        page.reload()
        page.get_by_role('button', name='Commands for this view').click()
        expect(commands).to_contain_text('--weight 1=0.9 --weight 2=0.1')
        expect(commands).to_contain_text('rollout start live --to 2')
        self.client.call('PUT', '/v1/aliases/live', {
            'routing': {'1': 0.5, '2': 0.5}})
        expect(commands).not_to_contain_text('rollout start')
        expect(commands).to_contain_text('--weight 1=0.9 --weight 2=0.1')

    def test_function_without_versions_has_no_commands_for_them(self):
        id = self.client.create(CODE, name='unpublished')['id']
        page = self.open(f'functions/{id}/versions')
        expect(page.get_by_text('No versions yet')).to_be_visible()
        page.get_by_role('button', name='Commands for this view').click()
        commands = page.locator('.commands')
        expect(commands).to_contain_text('version list')
        expect(commands).not_to_contain_text('version usage')


class LogOutTest(test_dashboard.BrowserTest):
    """A server with passwords."""

    make_server = test_dashboard.LoginTest.__dict__['make_server']
    log_in = test_dashboard.LoginTest.log_in

    def test_log_out_asks_and_drops_unsaved_code(self):
        page = self.open('functions')
        self.log_in(page, 'root', 'secret')
        self.press(page, 'New function')
        page.locator('input[name=name]').fill('private')
        self.press(page, 'Create')
        area = page.get_by_label('Code of main.py')
        expect(page.get_by_role('button', name='Save')).to_be_visible()
        area.fill(EDITED)
        page.once('dialog', lambda dialog: dialog.dismiss())
        self.press(page, 'Log out root')
        expect(area).to_have_value(EDITED)
        page.once('dialog', lambda dialog: dialog.accept())
        self.press(page, 'Log out root')
        self.log_in(page, 'root', 'secret')
        expect(area).to_have_value(re.compile('Greeting'))
        expect(page.get_by_text('not saved')).to_have_count(0)
