# SPDX-License-Identifier: Apache-2.0
"""Answers with streamed outputs, over a fake engine."""

import json

from qinling.api import output_answers
from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.states import ExecutionStatus
from qinling.tests import fixtures
from qinling.tests.unit.api import test_executions

ALL = '/v1/executions'
EVENTS, TEXT = 'text/event-stream', 'text/plain'
HEAD = {'status_code': 201, 'headers': {'X-A': 'b'}}


class AnswerTest(test_executions.ExecutionTest):
    def setUp(self):
        super().setUp()
        self.api.engine.answers.update(
            start_stream=self.start, read_stream=self.read)
        self.parts = []
        self.outcome = ExecutionStatus.SUCCESS, 'ab'

    def start(self, message, _target):
        self.started = message.id
        return 'engine'

    def read(self, *_arguments):
        part = self.parts.pop(0)
        if not part.is_open:
            status, output = self.outcome
            if status is None:
                self.api.services.executions.delete(
                    fixtures.caller(), self.started)
                return part
            lifecycle.finish(self.api.db, self.started, outcomes.Outcome(
                status, json.dumps({'output': output})))
        return part

    def add(self, *outputs, head=None):
        self.parts = [outcomes.OutputPart(output, head) for output in outputs]
        self.parts.append(outcomes.OutputPart('', head, is_open=False))


class TestExecutions(AnswerTest):
    def stream(self, accept=EVENTS, **fields):
        return self.api.request(
            'POST', ALL, {'function_id': self.function, **fields},
            Accept=accept)

    def events(self, response):
        self.assertEqual(201, response.status_int, response.body)
        return [(block.split('\n')[0].removeprefix('event: '),
                 json.loads(block.split('\n')[1].removeprefix('data: ')))
                for block in response.text.split('\n\n')
                if block and block[0] != ':']

    def test_weights(self):
        for accept, has_events in (
                (f'application/json, {EVENTS};q=0.5', False),
                (f'{EVENTS};q=0', False), (f'*/*, {EVENTS};q=0.1', False),
                (f'application/json, {EVENTS}', True),
                (f'{EVENTS}, */*;q=0.1', True)):
            self.add('a')
            answer = self.stream(accept)
            self.assertEqual(201, answer.status_int)
            self.assertEqual(has_events, answer.content_type == EVENTS,
                             accept)

    def test_events(self):
        self.add('a', '', 'b')
        response = self.stream()
        self.assertEqual(EVENTS, response.content_type)
        self.assertEqual(self.started,
                         response.headers['X-Qinling-Execution-Id'])
        self.assertEqual([
            ('start', {'id': self.started}), ('output', {'text': 'a'}),
            ('output', {'text': 'b'}), ('end', {'status': 'success'})],
            self.events(response))

    def test_silence(self):
        self.add(*[''] * 10, 'a')
        self.assertEqual(1, self.stream().text.count(': no output\n\n'))

    def test_head_and_values(self):
        self.add('a', head=HEAD)
        self.assertEqual([('head', HEAD), ('output', {'text': 'a'})],
                         self.events(self.stream())[1:-1])
        self.add([1, None])
        self.assertEqual([('output', {'value': 1}),
                          ('output', {'value': None})],
                         self.events(self.stream())[1:-1])

    def test_result_without_parts(self):
        self.add()
        self.outcome = ExecutionStatus.SUCCESS, {'n': 1}
        self.assertEqual(('output', {'value': {'n': 1}}),
                         self.events(self.stream())[1])
        self.add()
        self.assertEqual('{"n": 1}\n', self.stream(TEXT).text)

    def test_failure(self):
        self.add('a')
        self.outcome = ExecutionStatus.FAILED, 'why'
        self.assertEqual(('end', {'status': 'failed', 'reason': None,
                                  'detail': None, 'output': 'why'}),
                         self.events(self.stream())[-1])

    def test_deletion(self):
        self.add('a')
        self.outcome = None, None
        name, data = self.events(self.stream())[-1]
        self.assertEqual(('end', 'deleted'), (name, data['status']))
        self.assertIn('was deleted while', data['output'])

    def test_deletion_cuts_a_text(self):
        self.add('a')
        self.outcome = None, None
        answer = self.stream(TEXT)
        self.assertRaises(output_answers.Incomplete, lambda: answer.text)

    def test_text(self):
        self.add('a', 'b')
        response = self.stream(TEXT)
        self.assertEqual((TEXT, 'ab'), (response.content_type, response.text))

    def test_refusals(self):
        for fields, accept in (({'sync': False}, EVENTS),
                               ({'cancel_on_disconnect': True}, '*/*')):
            self.assertEqual(400, self.stream(accept, **fields).status_int)
        self.assertEqual(404, self.stream(
            function_id='00000000-0000-0000-0000-000000000000').status_int)

    def test_other_accepted_types(self):
        for accept in ('*/*', 'application/json',
                       'application/json, text/plain, */*'):
            response = self.stream(accept)
            self.assertEqual(('application/json', 201), (
                response.content_type, response.status_int))


class TestWebhooks(AnswerTest):
    def stream(self, mode='continue'):
        row = self.api.request('POST', '/v1/webhooks', {
            'function_id': self.function, 'sync': True,
            'stream': mode}).json
        return self.api.request(
            'POST', f'/v1/webhooks/{row["id"]}/invoke', {})

    def test_texts(self):
        self.add('', 'a', 'b')
        response = self.stream()
        self.assertEqual((200, TEXT, 'ab'), (
            response.status_int, response.content_type, response.text))
        self.assertIn('sandbox', response.headers['Content-Security-Policy'])

    def test_deletion(self):
        self.outcome = None, None
        self.api.engine.answers['run'] = lambda message, _target: (
            self.api.services.executions.delete(
                fixtures.caller(), message.id))
        for mode in ('continue', 'off'):
            self.add()
            answer = self.stream(mode)
            self.assertEqual(404, answer.status_int)
            self.assertIn('was deleted while', answer.json['faultstring'])
        self.api.services.deliveries.close()
        self.assertEqual([0, 0], [row['refused'] for row in self.call(
            'GET', '/v1/webhooks')['webhooks']])

    def test_head_and_values(self):
        self.add('a', head=HEAD)
        response = self.stream()
        self.assertEqual((201, 'b', 'a'), (
            response.status_int, response.headers['X-A'], response.text))
        self.add([1, {'n': 2}])
        response = self.stream()
        self.assertEqual(('application/x-ndjson', '1\n{"n": 2}\n'),
                         (response.content_type, response.text))

    def test_result_without_parts(self):
        self.add()
        self.outcome = ExecutionStatus.SUCCESS, {'n': 1}
        self.assertEqual({'n': 1}, self.stream().json)

    def test_failure(self):
        self.add()
        self.outcome = ExecutionStatus.FAILED, 'why'
        self.assertEqual(502, self.stream().status_int)

    def test_invalid_head(self):
        self.add('a', head={'status_code': 9})
        self.assertEqual(502, self.stream().status_int)

    def test_unknown_mode(self):
        self.assertEqual(400, self.api.request('POST', '/v1/webhooks', {
            'function_id': self.function, 'stream': 'on'}).status_int)
