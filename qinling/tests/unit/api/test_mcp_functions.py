# SPDX-License-Identifier: Apache-2.0
"""The Model Context Protocol: functions as tools."""

import json
from unittest import mock

import webob

from qinling.api.mcp import application
from qinling.api.mcp import functions
from qinling.api.mcp import results
from qinling.api.mcp import tools
from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.core.execution import waits
from qinling import states
from qinling.tests.unit.api import cases
from qinling.tests.unit.api import test_mcp


class TestFunctions(test_mcp.McpTest):
    """Functions behind aliases as tools."""

    SCHEMA = {'type': 'object', 'required': ['city'],
              'properties': {'city': {'type': 'string'}}}

    def setUp(self):
        super().setUp()
        self.function = self.api.function(
            input_schema=self.SCHEMA, output_schema=self.SCHEMA).id
        self.publish()
        self.create('prod', tool='forecast')

    def publish(self):
        self.call('POST', f'/v1/functions/{self.function}/versions', {
            'description': 'Forecast'}, 201)

    def create(self, name, status=201, **values):
        return self.call('POST', '/v1/aliases', {
            'name': name, 'function_id': self.function,
            'function_version': 1, **values}, status)

    def answer(self, status='success', output=None, reason=None):
        """Let the next execution end."""
        def run(message, target):
            return lifecycle.finish(self.api.db, message.id, outcomes.Outcome(
                states.ExecutionStatus(status),
                json.dumps({'output': output, 'duration': 1}),
                reason=reason and states.ExecutionReason(reason)))
        self.engine.answers['run'] = run

    def list_names(self, **params):
        return [tool['name'] for tool in self.send(
            'tools/list', params)['result']['tools']
            if tool['name'] not in tools.OPERATIONS]

    def read_events(self, answer):
        for event in answer:
            yield json.loads(event.removeprefix(b'event: message\ndata: '))

    def start(self, **params):
        """Return the application iterator of a call with progress."""
        request = webob.Request.blank(application.PATH, method='POST')
        request.headers['Accept'] = 'application/json, text/event-stream'
        request.content_type = 'application/json'
        request.body = json.dumps({
            'jsonrpc': '2.0', 'id': 7, 'method': 'tools/call', 'params': {
                'name': 'forecast', 'arguments': {'city': 'Oslo'},
                '_meta': {'progressToken': 'token'}, **params}}).encode()
        status, headers, app_iter = request.call_application(self.api.app)
        self.assertIn(('Content-Type', 'text/event-stream; charset=UTF-8'),
                      headers)
        return app_iter

    def test_description(self):
        tool = self.send('tools/list')['result']['tools'][-1]
        self.assertEqual({
            'name': 'forecast', 'description': 'Forecast',
            'inputSchema': self.SCHEMA, 'outputSchema': self.SCHEMA}, tool)

    def test_tool_follows_its_alias(self):
        body, kind = cases.urlencoded({'input_schema': '{}'})
        self.call('PUT', f'/v1/functions/{self.function}', body, kind=kind)
        self.publish()
        self.assertEqual(['forecast'], self.list_names())
        self.call('PUT', '/v1/aliases/prod', {'routing': {
            '1': 0.6, '2': 0.4}})
        self.assertEqual(['forecast'], self.list_names())
        self.call('PUT', '/v1/aliases/prod', {'function_version': 2})
        self.assertEqual([], self.list_names())
        self.call('POST', '/v1/aliases/prod/rollback', {})
        self.call('PUT', '/v1/aliases/prod', {'tool': ''})
        self.assertEqual([], self.list_names())
        self.fault(400, 'in version 2 of its function', 'PUT',
                   '/v1/aliases/prod', {'tool': 'a', 'function_version': 2})

    def test_names(self):
        for name in ('a b', 'a' * 65, 'a/b', 'ä', 'a\n'):
            self.fault(400, 'tool has 1 to 64', 'PUT', '/v1/aliases/prod',
                       {'tool': name})
        self.create('other')
        self.fault(409, 'another alias is the tool forecast', 'PUT',
                   '/v1/aliases/other', {'tool': 'forecast'})
        self.call('PUT', '/v1/aliases/prod', {'tool': 'forecast'})
        self.assertEqual(['prod'], [row['name'] for row in self.call(
            'GET', '/v1/aliases?tool=forecast')['function_aliases']])

    def test_pages(self):
        self.create('next', tool='next')
        with mock.patch.object(functions, 'PAGE_SIZE', 1):
            result = self.send('tools/list')['result']
            self.assertEqual('forecast', result['tools'][-1]['name'])
            result = self.send('tools/list', {
                'cursor': result['nextCursor']})['result']
        self.assertEqual(['next'], [tool['name'] for tool in result['tools']])
        self.assertNotIn('nextCursor', result)
        self.send('tools/list', {'cursor': 1}, 400)
        self.assertEqual([], self.list_names(cursor='nonsense'))

    def test_call(self):
        self.answer(output={'city': 'Oslo'})
        result = self.call_tool('forecast', city='Oslo')
        self.assertEqual((False, {'city': 'Oslo'}),
                         (result['isError'], result['structuredContent']))
        row = self.call('GET', '/v1/executions/' + result['_meta'][
            results.EXECUTION_KEY])
        self.assertEqual(('prod', 1, '{"city": "Oslo"}'), (
            row['function_alias'], row['function_version'], row['input']))

    def test_odd_values_keep_their_content(self):
        for value in (10 ** 30, -2 ** 63 - 1, '\ud800', '\0', 0.5):
            self.answer(output={'value': value})
            result = self.call_tool('forecast', city='Oslo')
            self.assertEqual({'value': value}, result['structuredContent'])

    def test_failure(self):
        self.answer('failed', 'It rains.', 'user_error')
        result = self.fault_of_tool('It rains.', 'forecast', city='Oslo')
        self.assertNotIn('structuredContent', result)

    def test_refused_arguments(self):
        self.fault_of_tool('it must have city', 'forecast')
        self.assertEqual([], self.call('GET', '/v1/executions')['executions'])

    def test_repeated_call(self):
        self.answer(output={'city': 'Oslo'})
        ids = [self.send('tools/call', {
            'name': 'forecast', 'arguments': {'city': 'Oslo'},
            '_meta': {functions.KEY: 'key'}})['result']['_meta']
            for _ in range(2)]
        self.assertEqual(ids[0], ids[1])
        self.assertEqual(['run'], self.engine.verbs())
        for key in ('ä', ['a'], ''):
            result = self.send('tools/call', {
                'name': 'forecast', '_meta': {functions.KEY: key}})['result']
            self.assertTrue(result['isError'], key)

    def test_progress(self):
        events = self.read_events(self.start())
        event = next(events)
        self.assertEqual(('notifications/progress', 'token', 1), (
            event['method'], event['params']['progressToken'],
            event['params']['progress']))
        row, = self.call('GET', '/v1/executions')['executions']
        lifecycle.finish(self.api.db, row['id'], outcomes.Outcome(
            states.ExecutionStatus.SUCCESS, '{"output": {"city": "Oslo"}}'))
        last, = events
        self.assertEqual((7, {'city': 'Oslo'}), (
            last['id'], last['result']['structuredContent']))
        self.assertEqual('success', self.call(
            'GET', f'/v1/executions/{row["id"]}')['status'])

    def test_closed_stream_cancels(self):
        for count in (0, 1):
            app_iter = self.start()
            for _ in range(count):
                next(iter(app_iter))
            app_iter.close()
            rows = self.call('GET', '/v1/executions')['executions']
            self.assertEqual(['cancelled'], list({
                row['status'] for row in rows}))

    def test_deleted_execution_ends_the_stream(self):
        events = self.read_events(self.start())
        next(events)
        row, = self.call('GET', '/v1/executions')['executions']
        self.call('DELETE', f'/v1/executions/{row["id"]}', status=204)
        last, = events
        self.assertTrue(last['result']['isError'])
        self.assertIn('Execution not found',
                      last['result']['content'][0]['text'])

    def test_waits_do_not_take_all_threads(self):
        events = self.read_events(self.start())
        next(events)
        with mock.patch.object(waits.Waits, 'wait', autospec=True) as wait:
            wait.side_effect = lambda _self, _ctx, row, _seconds: (row, None)
            last, = events
        self.assertTrue(last['result']['isError'])
        self.assertIn('executions_get', last['result']['content'][0]['text'])

    def test_wrong_metadata(self):
        self.answer(output={'city': 'Oslo'})
        self.assertFalse(self.send('tools/call', {
            'name': 'forecast', 'arguments': {'city': 'Oslo'},
            '_meta': []})['result']['isError'])


class TestPolicies(test_mcp.McpTest):
    ENFORCING = True

    def setUp(self):
        super().setUp()
        function = self.api.function(input_schema={'type': 'object'}).id
        self.call('POST', '/v1/aliases', {
            'name': 'prod', 'function_id': function, 'tool': 'run'}, 201,
            X_Roles='member')

    def list_names(self, **headers):
        return [tool['name'] for tool in self.send(
            'tools/list', **headers)['result']['tools']]

    def test_list_shows_what_the_caller_may_see(self):
        self.assertEqual('run', self.list_names(X_Roles='reader')[-1])
        for headers in ({}, {'X_Roles': 'member', 'X_Project_Id': 'other'}):
            self.assertEqual(list(tools.OPERATIONS),
                             self.list_names(**headers))

    def test_call_needs_the_policy_of_executions(self):
        result = self.send('tools/call', {'name': 'run'},
                           X_Roles='reader')['result']
        self.assertEqual((True, 403), (
            result['isError'], result['structuredContent']['status']))
        error = self.send('tools/call', {'name': 'run'}, 400,
                          X_Roles='member', X_Project_Id='other')['error']
        self.assertEqual(application.INVALID_PARAMS, error['code'])
