# SPDX-License-Identifier: Apache-2.0
"""The API reference says what the API does: its samples run, and what it
tells of operations, fields and errors is what the source declares."""

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
#: What a sample could have wrong: page, what is right, what is not.
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
    """Each page by itself, from an empty database."""

    def run_page(self, text):
        api = self.useFixture(fixtures.Api(
            secrets={'encryption_keys': [secrets.new_key()]}))
        reference.Runner(api).run(text)

    def test_conventions(self):
        self.run_page(PAGES['conventions.rst'])

    def test_root(self):
        self.run_page(PAGES['root.rst'])

    def test_runtimes(self):
        self.run_page(PAGES['runtimes.rst'])

    def test_functions(self):
        self.run_page(PAGES['functions.rst'])

    def test_versions(self):
        self.run_page(PAGES['versions.rst'])

    def test_aliases(self):
        self.run_page(PAGES['aliases.rst'])

    def test_executions(self):
        self.run_page(PAGES['executions.rst'])

    def test_jobs(self):
        self.run_page(PAGES['jobs.rst'])

    def test_webhooks(self):
        self.run_page(PAGES['webhooks.rst'])

    def test_quotas(self):
        self.run_page(PAGES['quotas.rst'])

    def test_every_page_has_a_test(self):
        named = {f'{name.removeprefix("test_")}.rst' for name in dir(self)
                 if name.startswith('test_')}
        self.assertEqual(set(PAGES), {'index.rst'} | named & set(PAGES))
        self.assertEqual([], list(reference.messages(PAGES['index.rst'])))

    def test_wrong_samples_fail(self):
        for page, right, wrong in WRONG:
            self.assertIn(right, PAGES[page])
            self.assertRaises(
                reference.Difference, self.run_page,
                PAGES[page].replace(right, wrong, 1))


# What the code declares

def routes():
    """Every exposed method."""
    return root.Root(mock.Mock()).routes


def page_of(thing):
    """Return the name of the page about a module of the API."""
    return thing.__module__.rpartition('.')[2] + '.rst'


def described(route):
    """The text about an operation."""
    return next(text for key, text in reference.operations(
        PAGES[page_of(route)]).items()
        if key[:2] == (route.route.method, route.route.path))


def made_of(datatype):
    """A WSME type and all those within it that have attributes."""
    if isinstance(datatype, wtypes.ArrayType):
        yield from made_of(datatype.item_type)
    elif datatype and wtypes.iscomplex(datatype):
        yield datatype
        for attribute in wtypes.list_attributes(datatype):
            yield from made_of(attribute.datatype)


def kinds(datatype):
    """How a table may call a WSME type."""
    if isinstance(datatype, wtypes.ArrayType):
        if datatype.item_type is types.Text:
            return {'list of text'}
        return {f'list of ``{datatype.item_type.__name__}``'}
    if wtypes.iscomplex(datatype):
        return {f'``{datatype.__name__}``'}
    return {
        types.Text: {'text', 'UUID'}, types.Time: {'time'},
        int: {'integer'}, bool: {'boolean'}, types.Uuid: {'UUID'},
        types.Version: {'integer'}, types.Integer: {'integer'},
        quotas.Amount: {'integer'},
        types.AnyJson: {'object', 'any JSON', 'text'},
        types.DateTime: {'time'},
    }[datatype if isinstance(datatype, type) else type(datatype)]


def _template(node):
    """A text in the source, with ``{}`` for what varies."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return ''.join(map(_template, node.values))
    return '{}'


def _blank(text):
    return re.sub(r'\{\w*\}', '{}', text)


def faults():
    """(status code, faultstring) of all errors that the source can make,
    with ``{}`` for what varies."""
    found = set()
    for name in ('api', 'core', 'db', 'sources'):
        for path in (reference.TOP / 'qinling' / name).rglob('*.py'):
            for node in ast.walk(ast.parse(path.read_text('utf-8'))):
                if isinstance(node, ast.Assign) and (
                        isinstance(node.value, ast.Attribute)):
                    # Collections declare their error as an attribute.
                    kind = getattr(exception, node.value.attr, None)
                    if hasattr(kind, 'http_code'):
                        found.add((str(kind.http_code),
                                   _blank(kind.msg_fmt)))
                    continue
                kind = (isinstance(node, ast.Call)
                        and isinstance(node.func, ast.Attribute)
                        and getattr(exception, node.func.attr, None))
                if not hasattr(kind, 'http_code'):
                    continue
                told = {each.arg: _template(each.value)
                        for each in node.keywords}
                text = (_template(node.args[0]) if node.args else
                        kind.msg_fmt.replace(
                            '{reason}', told.get('reason', '{reason}')))
                found.add((str(kind.http_code), _blank(text)))
    return found


class TestDeclarations(base.BaseTestCase):
    """What the pages say about operations and fields."""

    def test_operations(self):
        rules = {rule.name: rule.check_str for rule in policies.list_rules()}
        self.assertEqual(
            sorted((each.route.method, each.route.path, each.policy,
                    ROLES[rules[each.policy]]) for each in routes()),
            sorted(key for page in PAGES.values()
                   for key in reference.operations(page)))

    def test_policies(self):
        for rule in policies.list_rules():
            if isinstance(rule, policy.DocumentedRuleDefault):
                self.assertTrue(
                    any(f'``{rule.name}``' in page
                        for page in PAGES.values()), rule.name)

    def test_every_operation_has_a_sample(self):
        for each in routes():
            path = re.sub(r'\{\w+\}', r'[^/? ]+', each.route.path)
            self.assertTrue(any(
                re.match(rf'{each.route.method} {path}[? ]', sample.first)
                for sample in reference.messages(described(each))
                if sample.setup is None), each.route)

    def test_queries(self):
        for each in routes():
            text = described(each)
            self.assertEqual(set(each.route.query),
                             set(CODE.findall(
                                 reference.field(text, 'Query'))), text)
            if 'sort_key' in each.route.query:
                module = inspect.getmodule(each)
                self.assertEqual(
                    list(module.SORTABLE),
                    CODE.findall(reference.field(text, 'Sort keys')), text)

    def test_answers(self):
        for each in routes():
            answer = reference.field(described(each), 'Answer')
            self.assertEqual(str(each.route.status),
                             re.match(r'\d+', answer)[0], answer)
            if each.route.result is None:
                continue
            name = each.route.result.__name__
            if name not in reference.tables(PAGES[page_of(each.route.result)]):
                for attribute in wtypes.list_attributes(each.route.result):
                    self.assertIn(f'``{attribute.name}``', answer)
            else:
                self.assertIn(f'``{name}``', answer)

    def test_attributes(self):
        for each in routes():
            for datatype in made_of(each.route.result):
                table = reference.tables(PAGES[page_of(datatype)]).get(
                    datatype.__name__)
                if table is not None:
                    self.check_table(table, {
                        attribute.name: kinds(attribute.datatype)
                        for attribute in wtypes.list_attributes(datatype)})
                else:
                    # Only a list may do without a table.
                    self.assertIn(datatype, (each.route.result,))

    def check_table(self, table, expected):
        self.assertEqual(sorted(f'``{name}``' for name in expected),
                         sorted(row[0] for row in table))
        for name, kind, *_ in table:
            self.assertIn(kind, expected[name.strip('`')], name)

    def test_requests(self):
        for each in routes():
            table = reference.tables(described(each)).get('Request', [])
            if each.route.body is not None:
                sent = {attribute.name: kinds(attribute.datatype)
                        for attribute in wtypes.list_attributes(
                            each.route.body) if not attribute.readonly}
            elif each.route.path.startswith('/v1/functions') and (
                    each.route.result is functions.Function) and (
                    each.route.method != 'GET'):
                sent = {**dict.fromkeys(fields.names(), {
                    'text', 'integer', 'UUID'}),
                    'code': {'object'}, 'async_policy': {'object'},
                    'trust': {'boolean'}, 'environment': {'object'},
                    'secrets': {'object'},
                    'package': {'file'}}
            else:
                sent = {}
            if each.route.method == 'PUT':
                # Not everything that may be sent can be changed.
                sent = {name: sent[name] for name in [
                    row[0].strip('`') for row in table]}
                self.assertNotEqual({}, sent)
            self.check_table(table, sent)

    def test_limits(self):
        options = self.useFixture(fixtures.Conf()).conf.resource_limits
        for each in routes():
            rows = reference.tables(described(each)).get('Request', [])
            for name, _, default, most in rows:
                name = name.strip('`')
                if name in validation.TEXTS:
                    self.assertIn(f'{validation.TEXTS[name]} characters', most)
                elif name in validation.RESOURCES:
                    option = validation.RESOURCES[name][0]
                    self.assertIn(str(options[f'min_{option}']), most)
                    self.assertIn(str(options[f'max_{option}']), most)
                    if each.route.method == 'POST':
                        self.assertEqual(
                            f'``{options[f"default_{option}"]}``', default)

    def test_faults(self):
        known = faults()
        for page in PAGES.values():
            for text in reference.operations(page).values():
                for code, sentence in reference.tables(text).get('Faults', []):
                    self.assertIn((code, _blank(sentence[2:-2])), known)
