# SPDX-License-Identifier: Apache-2.0
"""The Model Context Protocol: messages, tools and their requests."""

import json
from unittest import mock

import jsonschema

from qinling.api import app
from qinling.api.mcp import application
from qinling.api.mcp import tools
from qinling.api import root
from qinling.tests import fixtures
from qinling.tests.unit.api import cases

META = {application.VERSION_KEY: application.CURRENT,
        application.CAPABILITIES_KEY: {}}


class McpTest(cases.ApiTest):
    def send(self, method, params=None, status=200, id=1, **headers):
        """Return the decoded answer to a message."""
        message = {'jsonrpc': '2.0', 'id': id, 'method': method}
        if params is not None:
            message['params'] = params
        answer = self.api.request(
            'POST', application.PATH, message, **headers)
        self.assertEqual(status, answer.status_int, answer.text[:500])
        return answer.json

    def send_current(self, method, status=200, name=None, **params):
        """Return the answer to a message of the current revision."""
        headers = {'MCP_Protocol_Version': application.CURRENT,
                   'Mcp_Method': method}
        if name:
            params['name'] = headers['Mcp_Name'] = name
        return self.send(method, {'_meta': META, **params}, status, **headers)

    def call_tool(self, tool, /, **arguments):
        """Return the result of a tool."""
        return self.send('tools/call', {
            'name': tool, 'arguments': arguments})['result']

    def fault_of_tool(self, words, tool, /, **arguments):
        """Return the text of a tool that must fail with the words."""
        result = self.call_tool(tool, **arguments)
        self.assertTrue(result['isError'])
        self.assertIn(words, result['content'][0]['text'])
        return result


class TestMessages(McpTest):
    def test_former_revisions_begin_with_a_handshake(self):
        for revision in (*application.FORMER, '1999-01-01', None):
            result = self.send('initialize', {
                'protocolVersion': revision})['result']
            self.assertEqual(
                revision if revision in application.FORMER
                else application.FORMER[0], result['protocolVersion'])
        answer = self.api.request('POST', application.PATH, {
            'jsonrpc': '2.0', 'method': 'notifications/initialized'})
        self.assertEqual((202, b''), (answer.status_int, answer.body))
        self.assertEqual({}, self.send('ping')['result'])

    def test_current_revision(self):
        result = self.send_current('server/discover')['result']
        self.assertEqual([application.CURRENT], result['supportedVersions'])
        self.assertEqual('complete', result['resultType'])
        result = self.send_current('tools/call', name='functions_get_all',
                                   arguments={})['result']
        self.assertEqual({'functions': []}, {
            'functions': result['structuredContent']['functions']})

    def test_headers_must_equal_the_message(self):
        for headers in ({}, {'Mcp_Method': 'ping'}):
            error = self.send(
                'tools/list', {'_meta': META}, 400,
                MCP_Protocol_Version=application.CURRENT, **headers)['error']
            self.assertEqual(application.HEADER_MISMATCH, error['code'])
        error = self.send(
            'tools/call', {'_meta': META, 'name': 'functions_get_all'}, 400,
            MCP_Protocol_Version=application.CURRENT,
            Mcp_Method='tools/call', Mcp_Name='other')['error']
        self.assertEqual(application.HEADER_MISMATCH, error['code'])

    def test_unsupported_revision(self):
        meta = dict(META, **{application.VERSION_KEY: '2030-01-01'})
        error = self.send('tools/list', {'_meta': meta}, 400,
                          MCP_Protocol_Version='2030-01-01',
                          Mcp_Method='tools/list')['error']
        self.assertEqual(application.UNSUPPORTED_VERSION, error['code'])
        self.assertEqual([application.CURRENT], error['data']['supported'])

    def test_incomplete_envelopes(self):
        for params in ({}, {'_meta': {application.VERSION_KEY:
                                      application.CURRENT}}):
            error = self.send(
                'ping', params, 400,
                MCP_Protocol_Version=application.CURRENT)['error']
            self.assertEqual(application.INVALID_PARAMS, error['code'])

    def test_wrong_messages(self):
        for code, content in (
                (application.PARSE_ERROR, b'{'),
                (application.PARSE_ERROR, b''),
                (application.INVALID_REQUEST, []),
                (application.INVALID_REQUEST, {'id': 1, 'method': 'ping'}),
                (application.INVALID_REQUEST, {'jsonrpc': '2.0', 'id': 1}),
                (application.INVALID_REQUEST, {
                    'jsonrpc': '2.0', 'id': None, 'method': 'ping'}),
                (application.INVALID_REQUEST, {
                    'jsonrpc': '2.0', 'id': True, 'method': 'ping'}),
                (application.INVALID_REQUEST, {
                    'jsonrpc': '2.0', 'id': 1, 'method': 'ping',
                    'params': []})):
            answer = self.api.request('POST', application.PATH, content)
            self.assertEqual(400, answer.status_int, content)
            self.assertEqual(code, answer.json['error']['code'], content)
        error = self.send('prompts/list', status=404)['error']
        self.assertEqual(application.METHOD_NOT_FOUND, error['code'])

    def test_only_post(self):
        for method in ('GET', 'DELETE', 'PUT'):
            answer = self.api.request(method, application.PATH)
            self.assertEqual(405, answer.status_int)
            self.assertEqual(('POST',), tuple(answer.allow))

    def test_other_pages_are_rejected(self):
        answer = self.api.request(
            'POST', application.PATH, {'jsonrpc': '2.0', 'id': 1,
                                       'method': 'ping'},
            Origin='http://evil.example')
        self.assertEqual(403, answer.status_int)
        self.send('ping', Origin='http://localhost')

    def test_body_is_bounded(self):
        self.api.conf.set_override('max_body_size', 1024, 'api')
        answer = self.api.request('POST', application.PATH, b' ' * 1025)
        self.assertEqual(413, answer.status_int)


class TestTools(McpTest):
    def list_tools(self):
        return {tool['name']: tool for tool
                in self.send('tools/list')['result']['tools']}

    def test_each_operation_is_a_valid_tool(self):
        listed = self.list_tools()
        self.assertEqual(list(tools.OPERATIONS), list(listed))
        for tool in listed.values():
            schema = tool['inputSchema']
            jsonschema.Draft202012Validator.check_schema(schema)
            self.assertNotIn('#/components', json.dumps(schema))
            self.assertRegex(tool['name'], '^[a-z_]{1,64}$')
            self.assertLessEqual(set(schema['required']),
                                 set(schema['properties']))

    def test_annotations(self):
        listed = self.list_tools()
        hints = {name: listed[name]['annotations'] for name in (
            'functions_get', 'functions_delete', 'executions_create')}
        self.assertTrue(hints['functions_get']['readOnlyHint'])
        self.assertTrue(hints['functions_delete']['destructiveHint'])
        self.assertFalse(hints['executions_create']['idempotentHint'])

    def test_life_of_an_alias(self):
        function = self.api.function()
        result = self.call_tool('versions_create', id=function.id, body={})
        self.assertFalse(result['isError'], result)
        self.assertEqual(1, result['structuredContent']['version_number'])
        self.call_tool('aliases_create', body={
            'name': 'some', 'function_id': function.id})
        alias = self.call_tool('aliases_get', name='some')
        self.assertEqual('some', alias['structuredContent']['name'])
        listed = self.call_tool('functions_get_all', limit=1, fields='id')
        self.assertEqual([{'id': function.id}],
                         listed['structuredContent']['functions'])

    def test_idempotency_and_preconditions_are_arguments(self):
        properties = self.list_tools()['executions_create']['inputSchema'][
            'properties']
        self.assertIn('Idempotency-Key', properties)
        function = self.api.function()
        arguments = {'Idempotency-Key': 'k', 'body': {
            'function_id': function.id, 'sync': False}}
        runs = [self.call_tool('executions_create', **arguments)
                for _ in range(2)]
        self.assertEqual(*(run['structuredContent']['id'] for run in runs))

    def test_outer_headers_do_not_reach_the_route(self):
        function = self.api.function()
        answer = self.send(
            'tools/call', {'name': 'functions_get', 'arguments': {
                'id': function.id}}, If_None_Match='*')
        self.assertFalse(answer['result']['isError'])

    def test_errors_of_routes(self):
        result = self.fault_of_tool('not', 'functions_get',
                                    id=cases.UNKNOWN_ID)
        self.assertEqual(404, result['structuredContent']['status'])
        self.assertIn('code', result['structuredContent'])

    def test_wrong_arguments(self):
        self.fault_of_tool('Unknown argument', 'functions_get', i=1)
        self.fault_of_tool('Missing argument: id', 'functions_get')
        self.fault_of_tool('Missing argument: body', 'jobs_create')
        for name in ('', 'a/b', '../stats', {}, None):
            self.fault_of_tool('must be', 'aliases_get', name=name)
        self.fault_of_tool('printable ASCII', 'executions_create', **{
            'Idempotency-Key': 'a\nb', 'body': {}})

    def test_unknown_tools(self):
        for params in ({}, {'name': 'webhooks_invoke'}, {'name': []},
                       {'name': 'functions_get', 'arguments': [1]}):
            error = self.send('tools/call', params, 400)['error']
            self.assertEqual(application.INVALID_PARAMS, error['code'])


class TestPolicies(McpTest):
    ENFORCING = True

    def test_tools_have_the_policies_of_their_routes(self):
        routes = {f'{handler.__module__.rpartition(".")[2]}_'
                  f'{handler.__name__}': handler.route
                  for handler in root.list_declared()}
        for name in tools.OPERATIONS:
            route = routes[name]
            arguments = {variable: '1' if variable == 'version'
                         else cases.UNKNOWN_ID
                         for variable in route.variables}
            if route.body is not None or route.form is not None:
                arguments['body'] = {}
            answer = self.send('tools/call', {
                'name': name, 'arguments': arguments},
                X_Project_Id='mine', X_Roles='stranger')
            text = answer['result']['content'][0]['text']
            self.assertTrue(answer['result']['isError'], name)
            self.assertIn(f'needs the policy {route.policy}.', text)

    def test_audit_names_the_route_and_its_status(self):
        audit = mock.Mock()
        self.api.app = app.create_app(
            self.api.services, fixtures.HeaderStrategy(
                self.api.enforcer), audit=audit)
        self.send('tools/call', {
            'name': 'aliases_rollback', 'arguments': {
                'name': 'some', 'body': {}}},
            X_Project_Id='mine', X_Roles='stranger')
        environ, route, status = audit.record_request.call_args.args
        self.assertEqual(('function_alias:update', 403),
                         (route.policy, status))
        self.assertEqual(('POST', route.path.format(name='some')), (
            environ['REQUEST_METHOD'], environ['PATH_INFO']))
