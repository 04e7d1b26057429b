# SPDX-License-Identifier: Apache-2.0
"""``Prefer: wait`` of executions, and ``If-None-Match``."""

import threading

import fixtures
from oslotest import base

from qinling.api import preferences
from qinling.core.execution import executions
from qinling.db import models
from qinling.tests import fixtures as base_fixtures
from qinling.tests.unit.api import cases

ALL = '/v1/executions'


class TestParse(base.BaseTestCase):
    def test_values(self):
        for header, seconds in (
                ('wait=5', 5), ('respond-async, Wait = "7"', 7),
                ('wait=5; x=y', 5), ('wait', 0), ('wait=', 0), ('', 0),
                ('wait=-1', 0), ('wait=1.5', 0), ('wait=x', 0), (',;=', 0),
                ('wait=²', 0), ('wait=' + '9' * 10000, 0)):
            self.assertEqual(seconds, preferences.parse_wait(
                {'HTTP_PREFER': header}), header[:40])
        self.assertEqual(0, preferences.parse_wait({}))


class TestWaits(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.function = self.api.function().id
        self.body = {'function_id': self.function, 'sync': False}

    def finish_on(self, verb):
        """Let the fake engine end an execution after the call of a verb."""
        def finish(message, target):
            thread = threading.Thread(
                target=self.api.succeed, args=(message, target))
            thread.start()
            self.addCleanup(thread.join)
        self.engine.answers[verb] = finish

    def test_post_waits_for_the_end(self):
        self.finish_on('start')
        answer = self.api.request('POST', ALL, self.body, Prefer='wait=50')
        self.assertEqual(
            (201, 'success', 'wait=50'),
            (answer.status_int, answer.json['status'],
             answer.headers['Preference-Applied']))

    def test_post_answers_after_the_wait(self):
        answer = self.api.request('POST', ALL, self.body, Prefer='wait=1')
        self.assertEqual((201, 'running', 'wait=1'), (
            answer.status_int, answer.json['status'],
            answer.headers['Preference-Applied']))

    def test_get_waits_for_the_end(self):
        id = self.call('POST', ALL, self.body, 201)['id']
        ready = threading.Event()
        poll = executions.poll_until_ended

        def signal(*arguments):
            ready.set()
            return poll(*arguments)
        self.useFixture(fixtures.MockPatchObject(
            executions, 'poll_until_ended', signal))

        def cancel():
            ready.wait(60)
            self.api.services.executions.cancel(caller, id)
        caller = base_fixtures.caller()
        thread = threading.Thread(target=cancel)
        thread.start()
        self.addCleanup(thread.join)
        answer = self.api.request('GET', f'{ALL}/{id}', Prefer='wait=50')
        self.assertEqual((200, 'cancelled', 'wait=50'), (
            answer.status_int, answer.json['status'],
            answer.headers['Preference-Applied']))

    def test_ended_executions_need_no_wait(self):
        id = self.call('POST', ALL, {'function_id': self.function},
                       201)['id']
        answer = self.api.request('GET', f'{ALL}/{id}', Prefer='wait=50')
        self.assertNotIn('Preference-Applied', answer.headers)

    def test_option_bounds_the_wait(self):
        self.api.conf.set_override('max_wait', 1, group='api')
        answer = self.api.request('POST', ALL, self.body, Prefer='wait=999')
        self.assertEqual('wait=1', answer.headers['Preference-Applied'])
        self.api.conf.set_override('max_wait', 0, group='api')
        answer = self.api.request('POST', ALL, self.body, Prefer='wait=999')
        self.assertNotIn('Preference-Applied', answer.headers)

    def test_deleted_executions_end_the_wait(self):
        id = self.call('POST', ALL, self.body, 201)['id']
        self.useFixture(fixtures.MockPatchObject(
            executions.time, 'sleep', lambda _: self.api.services.executions
            .delete(base_fixtures.caller(), id)))
        self.fault(404, 'was deleted while', 'GET', f'{ALL}/{id}',
                   Prefer='wait=50')


class TestThreads(cases.ApiTest):
    #: The second wait of a function would leave no thread to others.
    GROUPS = {'api': {'threads': 1}}

    def test_waits_leave_threads(self):
        id = self.api.insert(models.Execution, project_id='default',
                             function_id=self.api.function().id,
                             status='running')
        answers = []

        def ask_again(_seconds):
            if not answers:
                answers.append(self.api.request(
                    'GET', f'{ALL}/{id}', Prefer='wait=50'))
                self.api.services.executions.cancel(
                    base_fixtures.caller(), id)
        self.useFixture(fixtures.MockPatchObject(
            executions.time, 'sleep', ask_again))
        first = self.api.request('GET', f'{ALL}/{id}', Prefer='wait=50')
        self.assertEqual('cancelled', first.json['status'])
        second, = answers
        self.assertEqual((200, 'running'),
                         (second.status_int, second.json['status']))
        self.assertNotIn('Preference-Applied', second.headers)


class TestIfNoneMatch(cases.ApiTest):
    GROUPS = {'cost': {'gb_second_price': 1}}

    def test_single_resources(self):
        function = self.api.function().id
        run = self.call('POST', ALL, {'function_id': function}, 201)['id']
        for path in (f'{ALL}/{run}', f'/v1/functions/{function}', '/v1',
                     f'/v1/functions/{function}/references', '/v1/quotas'):
            tag = self.api.request('GET', path).headers['ETag']
            for header in (tag, f'"x", {tag}', '*'):
                answer = self.api.request('GET', path, If_None_Match=header)
                self.assertEqual((304, b'', tag), (
                    answer.status_int, answer.body, answer.headers['ETag']))
            self.assertEqual(200, self.api.request(
                'GET', path, If_None_Match='"x"').status_int)

    def test_changes_are_noticed(self):
        function = self.api.function().id
        run = self.call('POST', ALL, {'function_id': function,
                                      'sync': False}, 201)['id']
        tag = self.api.request('GET', f'{ALL}/{run}').headers['ETag']
        self.call('POST', f'{ALL}/{run}/cancel')
        answer = self.api.request('GET', f'{ALL}/{run}', If_None_Match=tag)
        self.assertEqual((200, 'cancelled'),
                         (answer.status_int, answer.json['status']))
        self.assertNotEqual(tag, answer.headers['ETag'])

    def test_lists_have_no_etag(self):
        self.assertNotIn('ETag', self.api.request('GET', ALL).headers)
