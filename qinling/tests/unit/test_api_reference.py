# SPDX-License-Identifier: Apache-2.0
"""The API reference matches the API.

The samples run, and the pages list the operations, fields and errors of the
source.
"""

import ast
import inspect
import re
from unittest import mock

from oslo_policy import policy
from oslotest import base
from wsme import types as wtypes

from qinling.api.controllers.v1 import functions
from qinling.api.controllers.v1 import quotas
from qinling.api import root
from qinling.api import types
from qinling.core import secrets
from qinling.core import validation
from qinling import exception
from qinling import fields
from qinling import policies
from qinling.policies import base as roles
from qinling.tests import fixtures
from qinling.tests.unit import api_reference as reference

PAGES = reference.PAGES
CODE = re.compile('``(.*?)``')
ROLES = {roles.ADMIN: 'admin', roles.MEMBER: 'member',
         roles.READER: 'reader', roles.ANYONE: 'anyone'}
#: Errors of samples: page, correct text, wrong text.
WRONG = (
    ('root.rst', '200 OK', '201 Created'),
    ('root.rst', 'Content-Type: application/json',
     'Content-Type: text/plain'),
    ('root.rst', '"target": "v1"', '"target": "v2"'),
    ('root.rst', '"rel": "self"', '"rel": null'),
    ('root.rst', '"rel": "self"', '"rel": "self", "more": 1'),
    ('root.rst', '"target": "v1",', ''),
    ('root.rst', '"links": [', '"links": [{},'),
    ('runtimes.rst', 'ETag: "2"', 'ETag: "1"'),
    ('runtimes.rst', 'HTTP/1.1 204 No Content', 'HTTP/1.1 204 No Content\n'
     '   Content-Type: application/json\n\n   {}'),
    ('versions.rst', '(greeter.zip)', '(greeter2.zip)'),
    ('versions.rst', '"runtime_id": "{runtime_id}"',
     '"runtime_id": "{version_id}"'),
    ('executions.rst', '   Greeting Ada', '   Greeting Eve'),
    ('executions.rst', 'Hello, Ada\\"', 'Hello, ...\\", \\"more'),
)


class TestSamples(base.BaseTestCase):
    """Each page with a separate, empty database."""

    def run_page(self, text, **groups):
        api = self.useFixture(fixtures.Api(
            secrets={'encryption_keys': [secrets.new_key()]}, **groups))
        reference.SampleRunner(api).run(text)

    def test_conventions(self):
        self.run_page(PAGES['conventions.rst'])

    def test_root(self):
        self.run_page(PAGES['root.rst'])

    def test_openapi(self):
        self.run_page(PAGES['openapi.rst'])

    def test_budgets(self):
        self.run_page(PAGES['budgets.rst'], cost={'gb_second_price': 1})

    def test_explanations(self):
        self.run_page(PAGES['explanations.rst'])

    def test_runtimes(self):
        self.run_page(PAGES['runtimes.rst'])

    def test_functions(self):
        self.run_page(PAGES['functions.rst'])

    def test_versions(self):
        self.run_page(PAGES['versions.rst'])

    def test_aliases(self):
        self.run_page(PAGES['aliases.rst'])

    def test_rollouts(self):
        self.run_page(PAGES['rollouts.rst'])

    def test_executions(self):
        self.run_page(PAGES['executions.rst'])

    def test_failures(self):
        self.run_page(PAGES['failures.rst'])

    def test_operations(self):
        self.run_page(PAGES['operations.rst'])

    def test_replays(self):
        self.run_page(PAGES['replays.rst'])

    def test_jobs(self):
        self.run_page(PAGES['jobs.rst'])

    def test_webhooks(self):
        self.run_page(PAGES['webhooks.rst'])

    def test_deliveries(self):
        self.run_page(PAGES['deliveries.rst'])

    def test_event_sources(self):
        self.run_page(PAGES['event_sources.rst'])

    def test_dead_letters(self):
        api = self.useFixture(fixtures.Api())
        runner = reference.SampleRunner(api)
        runner.insert_dead_letters()
        runner.run(PAGES['dead_letters.rst'])

    def test_quotas(self):
        self.run_page(PAGES['quotas.rst'])

    def test_statistics(self):
        self.run_page(PAGES['statistics.rst'])

    def test_every_page_has_a_test(self):
        pages = {f'{name.removeprefix("test_")}.rst' for name in dir(self)
                 if name.startswith('test_')}
        self.assertEqual(set(PAGES), {'index.rst'} | pages & set(PAGES))
        self.assertEqual([],
                         list(reference.parse_messages(PAGES['index.rst'])))

    def test_wrong_samples_fail(self):
        for page, right, wrong in WRONG:
            self.assertIn(right, PAGES[page])
            self.assertRaises(
                reference.Difference, self.run_page,
                PAGES[page].replace(right, wrong, 1))


# What the code declares

def list_routes():
    """Return every exposed method."""
    return root.Root(mock.Mock()).routes


def page_of(thing):
    """Return the name of the page about a module of the API."""
    return thing.__module__.rpartition('.')[2] + '.rst'


def operation_text(route):
    """Return the text about an operation."""
    return next(text for key, text in reference.parse_operations(
        PAGES[page_of(route)]).items()
        if key[:2] == (route.route.method, route.route.path))


def list_types(datatype):
    """Yield a WSME type and all nested types with attributes."""
    if isinstance(datatype, wtypes.ArrayType):
        yield from list_types(datatype.item_type)
    elif datatype and wtypes.iscomplex(datatype):
        yield datatype
        for attribute in wtypes.list_attributes(datatype):
            yield from list_types(attribute.datatype)


def kind_names(datatype):
    """Return the names of a WSME type in tables."""
    if isinstance(datatype, wtypes.ArrayType):
        if datatype.item_type is types.Text:
            return {'list of text'}
        return {f'list of ``{datatype.item_type.__name__}``'}
    if wtypes.iscomplex(datatype):
        return {f'``{datatype.__name__}``'}
    return {
        types.Text: {'text', 'UUID'}, types.Time: {'time'},
        int: {'integer'}, float: {'number'}, bool: {'boolean'},
        types.Uuid: {'UUID'},
        types.Version: {'integer'}, types.Integer: {'integer'},
        quotas.Amount: {'integer'},
        types.AnyJson: {'object', 'any JSON', 'text'},
        types.DateTime: {'time'},
    }[datatype if isinstance(datatype, type) else type(datatype)]


def _template(node):
    """Return a text of the source, with ``{}`` for variable parts."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return ''.join(map(_template, node.values))
    return '{}'


def _blank(text):
    return re.sub(r'\{\w*\}', '{}', text)


def list_package_faults():
    """Yield (status code, faultstring) of the errors of unusable packages.

    The API passes on the sentences of the reader of packages.
    """
    kinds = {'BadArchive': '400', 'ArchiveTooLarge': '413'}
    for path in (reference.TOP / 'qinling/runtimes').glob('agent_*.py'):
        for node in ast.walk(ast.parse(path.read_text('utf-8'))):
            if isinstance(node, ast.Call) and node.args:
                name = getattr(node.func, 'attr', getattr(
                    node.func, 'id', None))
                if name in kinds:
                    yield kinds[name], _blank(_template(node.args[0]))


def list_faults():
    """Return (status code, faultstring) of all errors in the source.

    Variable parts are ``{}``.
    """
    faults = set(list_package_faults())
    for name in ('api', 'core', 'db', 'sources'):
        for path in (reference.TOP / 'qinling' / name).rglob('*.py'):
            for node in ast.walk(ast.parse(path.read_text('utf-8'))):
                if isinstance(node, ast.Assign) and (
                        isinstance(node.value, ast.Attribute)):
                    # Collections declare the error as an attribute.
                    kind = getattr(exception, node.value.attr, None)
                    if hasattr(kind, 'http_code'):
                        faults.add((str(kind.http_code),
                                    _blank(kind.msg_fmt)))
                    continue
                kind = (isinstance(node, ast.Call)
                        and isinstance(node.func, ast.Attribute)
                        and getattr(exception, node.func.attr, None))
                if not hasattr(kind, 'http_code'):
                    continue
                arguments = {keyword.arg: _template(keyword.value)
                             for keyword in node.keywords}
                text = (_template(node.args[0]) if node.args else
                        kind.msg_fmt.replace(
                            '{reason}', arguments.get('reason', '{reason}')))
                faults.add((str(kind.http_code), _blank(text)))
    return faults


class TestDeclarations(base.BaseTestCase):
    """Operations and fields on the pages."""

    def test_operations(self):
        rules = {rule.name: rule.check_str for rule in policies.list_rules()}
        self.assertEqual(
            sorted((route.route.method, route.route.path, route.policy,
                    ROLES[rules[route.policy]]) for route in list_routes()),
            sorted(key for page in PAGES.values()
                   for key in reference.parse_operations(page)))

    def test_policies(self):
        for rule in policies.list_rules():
            if isinstance(rule, policy.DocumentedRuleDefault):
                self.assertTrue(
                    any(f'``{rule.name}``' in page
                        for page in PAGES.values()), rule.name)

    def test_every_operation_has_a_sample(self):
        for route in list_routes():
            path = re.sub(r'\{\w+\}', r'[^/? ]+', route.route.path)
            self.assertTrue(any(
                re.match(rf'{route.route.method} {path}[? ]', sample.first)
                for sample in reference.parse_messages(operation_text(route))
                if sample.setup is None), route.route)

    def test_queries(self):
        for route in list_routes():
            text = operation_text(route)
            self.assertEqual(set(route.route.query),
                             set(CODE.findall(
                                 reference.parse_field(text, 'Query'))), text)
            if 'sort_key' in route.route.query:
                module = inspect.getmodule(route)
                self.assertEqual(list(module.SORTABLE), CODE.findall(
                    reference.parse_field(text, 'Sort keys')), text)

    def test_answers(self):
        for route in list_routes():
            answer = reference.parse_field(operation_text(route), 'Answer')
            self.assertEqual(str(route.route.status),
                             re.match(r'\d+', answer)[0], answer)
            if route.route.result is None:
                continue
            name = route.route.result.__name__
            if name not in reference.parse_tables(
                    PAGES[page_of(route.route.result)]):
                for attribute in wtypes.list_attributes(route.route.result):
                    self.assertIn(f'``{attribute.name}``', answer)
            else:
                self.assertIn(f'``{name}``', answer)

    def test_attributes(self):
        for route in list_routes():
            for datatype in list_types(route.route.result):
                table = reference.parse_tables(PAGES[page_of(datatype)]).get(
                    datatype.__name__)
                if table is not None:
                    self.check_table(table, {
                        attribute.name: kind_names(attribute.datatype)
                        for attribute in wtypes.list_attributes(datatype)})
                else:
                    # Only lists may lack a table.
                    self.assertIn(datatype, (route.route.result,))

    def check_table(self, table, expected):
        self.assertEqual(sorted(f'``{name}``' for name in expected),
                         sorted(row[0] for row in table))
        for name, kind, *_ in table:
            self.assertIn(kind, expected[name.strip('`')], name)

    def test_requests(self):
        for route in list_routes():
            table = reference.parse_tables(operation_text(route)).get(
                'Request', [])
            if route.route.path.endswith('/explain'):
                # The request is that of the explained operation.
                attributes = {}
            elif route.route.body is not None:
                attributes = {
                    attribute.name: kind_names(attribute.datatype)
                    for attribute in wtypes.list_attributes(route.route.body)
                    if not attribute.readonly}
            elif route.route.path.startswith('/v1/functions') and (
                    route.route.result is functions.Function) and (
                    route.route.method != 'GET'):
                attributes = {**dict.fromkeys(fields.names(), {
                    'text', 'integer', 'UUID'}),
                    'code': {'object'}, 'async_policy': {'object'},
                    'trust': {'boolean'}, 'environment': {'object'},
                    'secrets': {'object'}, 'secret_modes': {'object'},
                    'input_schema': {'object'}, 'output_schema': {'object'},
                    'flow_control': {'object'},
                    'package': {'file'}}
            else:
                attributes = {}
            if route.route.method == 'PUT':
                # Some attributes cannot be changed.
                attributes = {name: attributes[name] for name in [
                    row[0].strip('`') for row in table]}
                self.assertNotEqual({}, attributes)
            self.check_table(table, attributes)

    def test_limits(self):
        options = self.useFixture(fixtures.Conf()).conf.resource_limits
        for route in list_routes():
            tables = reference.parse_tables(operation_text(route))
            rows = tables.get('Request', [])
            for name, _, default, maximum in rows:
                name = name.strip('`')
                if name in validation.TEXTS:
                    self.assertIn(f'{validation.TEXTS[name]} characters',
                                  maximum)
                elif name in validation.RESOURCES:
                    option = validation.RESOURCES[name][0]
                    self.assertIn(str(options[f'min_{option}']), maximum)
                    self.assertIn(str(options[f'max_{option}']), maximum)
                    if route.route.method == 'POST':
                        self.assertEqual(
                            f'``{options[f"default_{option}"]}``', default)

    def test_faults(self):
        declared = list_faults()
        for page in PAGES.values():
            for text in reference.parse_operations(page).values():
                for code, sentence in reference.parse_tables(text).get(
                        'Faults', []):
                    self.assertIn((code, _blank(sentence[2:-2])), declared)
