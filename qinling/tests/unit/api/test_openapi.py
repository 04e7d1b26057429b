# SPDX-License-Identifier: Apache-2.0
"""The description of the API equals the API."""

import importlib
import re

import jsonschema

from qinling.api import app
from qinling.api import root
from qinling.core import secrets
from qinling.tests import fixtures
from qinling.tests.unit.api import cases
from qinling.tests.unit.api import test_policy_walk
from qinling.tests.unit import api_reference
from qinling.tests.unit import openapi_checker


class TestDocument(cases.ApiTest):
    def setUp(self):
        super().setUp()
        self.document = self.call('GET', '/v1/openapi.json')
        self.operations = {
            (method.upper(), path): operation
            for path, item in self.document['paths'].items()
            for method, operation in item.items()}
        self.checker = openapi_checker.Checker(self.api.app, self.api.conf)

    def test_document_is_valid(self):
        try:
            validator = importlib.import_module('openapi_spec_validator')
        except ImportError:
            self.skipTest('openapi-spec-validator is not installed.')
        validator.validate(self.document)

    def test_every_route_is_described(self):
        routes = {(method, handler.route.path): handler.policy
                  for handler in root.Root(self.api.services).routes
                  for method in handler.route.methods}
        self.assertEqual(routes, {
            key: operation['x-policy']
            for key, operation in self.operations.items()})

    def test_operations_have_unique_ids(self):
        ids = {operation['operationId']
               for operation in self.operations.values()}
        self.assertEqual(len(self.operations), len(ids))

    def test_variables_and_queries(self):
        for handler in root.list_declared():
            route = handler.route
            parameters = self.operations[route.method, route.path][
                'parameters']
            for place, names in (('path', set(route.variables)),
                                 ('query', set(route.query))):
                self.assertEqual(names, {
                    parameter['name'] for parameter in parameters
                    if parameter['in'] == place})

    def test_bodies(self):
        for (method, path), operation in self.operations.items():
            handler = root.Root(self.api.services).find_handler(
                method, self.words(path))
            content = operation.get('requestBody', {}).get('content', {})
            if handler.route.form is not None:
                self.assertEqual(3, len(content))
            elif handler.route.body is not None:
                self.assertEqual(['application/json'], list(content))
            elif not handler.route.raw:
                self.assertEqual({}, content)

    def words(self, path):
        return tuple(None if word[:1] == '{' else word
                     for word in path.strip('/').split('/'))

    def test_examples_are_valid(self):
        count = 0
        for (method, path), operation in self.operations.items():
            start = f'/paths/{path.replace("/", "~1")}/{method.lower()}'
            contents = {f'{start}/requestBody': operation.get(
                'requestBody', {})}
            contents.update({f'{start}/responses/{status}': answer
                             for status, answer
                             in operation['responses'].items()})
            for pointer, holder in contents.items():
                for kind, value in holder.get('content', {}).items():
                    if 'example' in value:
                        count += 1
                        self.checker.validate(
                            f'{pointer}/content/{kind.replace("/", "~1")}'
                            '/schema', value['example'])
        self.assertLess(90, count)

    def test_limits_are_those_of_the_operator(self):
        self.api.conf.set_override('max_timeout', 77, group='resource_limits')
        self.api.restart()
        schemas = self.call('GET', '/v1/openapi.json')['components'][
            'schemas']
        for name in ('FunctionForm', 'FunctionRequest'):
            properties = schemas[name]['properties']
            self.assertEqual((1, 77), (properties['timeout']['minimum'],
                                       properties['timeout']['maximum']))
            self.assertEqual(80, properties['entry']['maxLength'])
        self.assertIn('package', schemas['FunctionForm']['properties'])
        self.assertNotIn('package', schemas['FunctionRequest']['properties'])

    def test_read_only_attributes(self):
        schemas = self.document['components']['schemas']
        self.assertNotIn('status',
                         schemas['ExecutionCreateRequest']['properties'])
        self.assertTrue(
            schemas['Execution']['properties']['status']['readOnly'])

    def test_if_match_is_described_where_it_counts(self):
        """Compare the declaration with the answers to a wrong ETag."""
        for handler in root.list_declared():
            route = handler.route
            if route.raw or route.method == 'GET':
                continue
            answer = self.api.request(
                route.method, re.sub(r'\{\w+\}', '1', cases.path_of(handler)),
                {} if route.body is not None else None, If_Match='wrong')
            self.assertEqual(route.if_match,
                             'If-Match must be' in answer.text, route.path)

    def test_faults_are_described(self):
        for (method, path), operation in self.operations.items():
            if method == 'POST' and not path.endswith('/invoke'):
                self.assertLessEqual({'400', '401', '403', '500', '503'},
                                     set(operation['responses']), path)


class TestFiles(cases.ApiTest):
    def test_etag(self):
        for path in ('/v1/openapi.json', '/v1/docs', '/v1/docs.css'):
            first = self.api.request('GET', path)
            self.assertEqual(200, first.status_int)
            tag = first.headers['ETag']
            second = self.api.request('GET', path, If_None_Match=tag)
            self.assertEqual((304, b'', tag), (
                second.status_int, second.body, second.headers['ETag']))
            self.assertEqual(200, self.api.request(
                'GET', path, If_None_Match='"other"').status_int)

    def test_server_is_that_of_the_request(self):
        document = self.call('GET', '/v1/openapi.json', Host='cloud.org')
        self.assertEqual([{'url': 'http://cloud.org'}], document['servers'])

    def test_page_loads_no_foreign_content(self):
        answer = self.api.request('GET', '/v1/docs', Accept='text/html')
        self.assertEqual('text/html', answer.content_type)
        self.assertNotRegex(answer.text, '<script|<style| style=|//')
        self.assertIn("default-src 'none'",
                      answer.headers['Content-Security-Policy'])
        for handler in root.list_declared():
            self.assertIn(f'{handler.route.method} {handler.route.path}<',
                          answer.text)

    def test_other_documents_are_no_html(self):
        self.fault(406, 'application/json', 'GET', '/v1/openapi.json',
                   Accept='text/html')

    def test_security_is_that_of_the_strategy(self):
        for strategy, scheme in (('noauth', []), ('keystone', ['keystone']),
                                 ('http_basic', ['http_basic'])):
            self.api.conf.set_override('auth_strategy', strategy, group='api')
            self.api.app = app.create_app(
                self.api.services, fixtures.Strategy(None))
            document = self.call('GET', '/v1/openapi.json')
            self.assertEqual(scheme, list(
                document['components']['securitySchemes']))
            self.assertEqual([], document['paths']['/v1/docs']['get'][
                'security'])


class TestSamples(cases.ApiTest):
    """The answers of the samples of the API reference are as described."""

    GROUPS = {'cost': {'gb_second_price': 1},
              'secrets': {'encryption_keys': [secrets.new_key()]}}

    def check_page(self, name):
        checker = openapi_checker.Checker(self.api.app, self.api.conf)
        self.api.app = checker
        runner = api_reference.SampleRunner(self.api)
        if name == 'dead_letters.rst':
            runner.insert_dead_letters()
        runner.run(api_reference.PAGES[name])
        self.assertTrue(checker.checked)


def _create_test(name):
    def test(self):
        self.check_page(name)
    return test


for _name in api_reference.PAGES:
    # The statistics of the page are those without prices.
    if _name not in ('index.rst', 'statistics.rst'):
        setattr(TestSamples, f'test_{_name.removesuffix(".rst")}',
                _create_test(_name))


class TestWalk(test_policy_walk.WalkTest):
    """The answers of the policy walk are as described."""

    def test_answers(self):
        checker = openapi_checker.Checker(self.api.app, self.api.conf)
        self.api.app = checker
        for role in ('', 'reader', 'member', 'admin'):
            self.allowed_routes(role)
        routes = {(route.method, route.path) for route in self.routes}
        self.assertEqual(routes, {key[:2] for key in checker.checked})

    def test_wrong_answers_fail(self):
        checker = openapi_checker.Checker(self.api.app, self.api.conf)
        pointer = '/components/schemas/Runtime'
        for value in ({'id': 5}, {'unknown': 1}, []):
            self.assertRaises(jsonschema.ValidationError, checker.validate,
                              pointer, value)
        checker.validate(pointer, {'id': None, 'name': 'x'})
