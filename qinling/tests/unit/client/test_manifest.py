# SPDX-License-Identifier: Apache-2.0
"""Tests of application files."""

import json
import os
import pathlib

import fixtures
from oslotest import base

from qinling.client import exceptions
from qinling.client.manifest import changes
from qinling.client.manifest import export
from qinling.client.manifest import forms
from qinling.client.manifest import model
from qinling.client.manifest import plan
from qinling.tests.unit.client import stub
from qinling.tests.unit.client import test_runs

ID = test_runs.ID
FUNCTION = 'functions: {f: {code: main.py, runtime: python3%s}}'
SOURCE = ('event_sources: {e: {alias: a, kind: redis, settings: {stream: s, '
          'start: %s}}}')


class Files(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.place = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def load(self, text):
        path = self.place / 'app.yaml'
        path.write_text(text)
        return model.load(str(path))


class TestModel(Files):
    def test_values(self):
        manifest = self.load(
            'functions:\n  f: {code: [a, b], runtime: python3, memory: 64M, '
            'timeout: 1m, cpu: 100, environment: {A: b}}\n'
            'aliases: {a: {function: f, routing: {1: 0.5, latest: 0.5}}}\n'
            'jobs: {j: {alias: a, pattern: "@daily", input: [1]}}\n'
            'webhooks:\n')
        self.assertEqual({
            'code': ['a', 'b'], 'runtime': 'python3', 'memory': 1 << 26,
            'timeout': 60, 'cpu': 100, 'environment': {'A': 'b'}},
            manifest.objects['functions']['f'])
        self.assertEqual({1: 0.5, 'latest': 0.5},
                         manifest.objects['aliases']['a']['routing'])
        self.assertEqual({}, manifest.objects['webhooks'])

    def test_mistakes(self):
        for text, sentence in (
                ('', 'is no application'), ('[', 'Cannot read'),
                ('functons: {}', 'Did you mean: functions?'),
                ('x: {}', 'Allowed: functions, aliases'),
                ('functions: [f]', 'functions is no object of names'),
                ('functions: {f: 1}', 'functions.f is no object'),
                ('functions: {f: {}}', 'functions.f needs either code or'),
                ('functions: {f: {code: x}}', 'functions.f needs a runtime'),
                (FUNCTION % ', memroy: 1', 'Did you mean: memory?'),
                (FUNCTION % ', memory: x', 'functions.f.memory is not valid'),
                (FUNCTION % ', cpu: true', 'functions.f.cpu is no whole'),
                (FUNCTION % ', entry: 1', 'functions.f.entry is no text'),
                (FUNCTION % ', trust: 1', 'is neither true nor false'),
                (FUNCTION % ', environment: {A: 1}', 'a value for A that'),
                (FUNCTION % ', secrets: {A: b}', 'is no object of names'),
                (FUNCTION % ', secrets: {A: {}}', 'names no secret'),
                (FUNCTION % ', versions: {x: {}}', 'has the key x'),
                (FUNCTION % ', versions: {1: {cpu: x}}',
                 'functions.f.versions .cpu is no whole number'),
                (FUNCTION.replace('main.py', '[]') % '', 'neither a path'),
                ('jobs: {j: {pattern: x}}', 'jobs.j needs either function'),
                ('webhooks: {w: {alias: a, function: f}}',
                 'webhooks.w needs either function or alias')):
            error = self.assertRaises(exceptions.ClientError, self.load, text)
            self.assertIn(sentence, str(error), text)
        self.assertRaises(exceptions.ClientError, model.load,
                          str(self.place / 'none'))

    def test_mistakes_in_aliases(self):
        for text, sentence in (
                ('aliases: {a: {version: 1}}', 'aliases.a needs a function'),
                ('aliases: {a: {function: f, version: x}}',
                 'neither the number of a version nor "latest"'),
                ('aliases: {a: {function: f, routing: {1: x}}}',
                 'a weight for 1 that is no number'),
                ('aliases: {a: {function: f, routing: {1: 0.5, 2: 0.4}}}',
                 'aliases.a.routing has weights that sum to 0.9, not to 1'),
                ('aliases: {a/b: {function: f, version: 1}}',
                 'aliases.a/b: an alias name has 1 to 255 letters'),
                ('aliases: {"..": {function: f, version: 1}}',
                 'aliases...: an alias name has'),
                ('aliases: {a: {function: f, version: 1, history: 1}}',
                 'is no list')):
            error = self.assertRaises(exceptions.ClientError, self.load, text)
            self.assertIn(sentence, str(error), text)

    def test_mistakes_in_event_sources(self):
        for text, sentence in (
                ('event_sources: {e: {alias: a, kind: redis}}',
                 'event_sources.e needs kind and settings'),
                (SOURCE % 'oldest}, password: {',
                 'event_sources.e has an unknown field'),
                (SOURCE % 'oldest}, credentials: {password: x',
                 'event_sources.e.credentials has a password in the file'),
                (SOURCE % 'oldest}, credentials: {username: {}',
                 'event_sources.e.credentials names no secret')):
            error = self.assertRaises(exceptions.ClientError, self.load, text)
            self.assertIn(sentence, str(error), text)

    def test_secrets(self):
        manifest = self.load('functions: {}')
        (self.place / 'token').write_text('value\n')
        self.useFixture(fixtures.EnvironmentVariable('A_TOKEN', 'other'))
        self.assertEqual('value', manifest.read_secret(
            {'file': 'token'}, 's'))
        self.assertEqual('other', manifest.read_secret(
            {'env': 'A_TOKEN'}, 's'))
        for place in ({'env': 'NO_TOKEN'}, {'file': 'none'}):
            error = self.assertRaises(
                exceptions.ClientError, manifest.read_secret, place, 'a.b')
            self.assertTrue(str(error).startswith('a.b: '), error)

    def test_schema_has_all_fields(self):
        schema = forms.build_schema()
        json.dumps(schema)
        self.assertEqual({noun: set(fields) for noun, fields
                          in forms.FORMS.items()}, {
            noun: set(part['additionalProperties']['properties'])
            for noun, part in schema['properties'].items()})


class TestPlan(Files):
    def plan(self, text, *answers, method='plan', **options):
        (self.place / 'main.py').write_text('def main(): pass\n')
        server = stub.Server(*(stub.answer(body=answer)
                               for answer in answers))
        planner = plan.Planner(server.client(), self.load(text), **options)
        return [line for change in getattr(planner, method)()
                for line in change.describe()]

    def row(self, **fields):
        return {'id': ID, 'name': 'f', 'runtime_id': ID, 'cpu': 100,
                'code': {'source': 'image', 'image': 'i'},
                'latest_version': 2, 'secret_names': ['A'], **fields}

    def test_secrets_that_the_server_has(self):
        text = ('functions: {f: {image: i, secrets: {A: {env: SECRET_A}, '
                'B: {env: SECRET_B, mode: latest}}}}')
        for name in 'AB':
            self.useFixture(fixtures.EnvironmentVariable(
                f'SECRET_{name}', f'value of {name}'))
        rows = {'functions': [self.row()]}
        self.assertEqual(['~ function f', '    secrets: B',
                          '    secret_modes: {"B": "latest"}'],
                         self.plan(text, rows))
        self.assertIn('    secrets: A, B',
                      self.plan(text, rows, update_secrets=True))
        self.assertEqual([], self.plan(text, {'functions': [self.row(
            secret_names=['A', 'B'])]}))

    def test_runtime_cannot_change(self):
        error = self.assertRaises(
            exceptions.ClientError, self.plan,
            'functions: {f: {code: main.py, runtime: python3}}',
            {'functions': [self.row()]},
            {'runtimes': [{'id': test_runs.OTHER, 'name': 'python3'}]})
        self.assertIn('functions.f.runtime cannot change', str(error))

    def test_unknown_names(self):
        for text, answers, sentence in (
                (FUNCTION % '', [{'functions': []}, {'runtimes': []}],
                 'there is no runtime python3'),
                ('functions: {f: {code: missing, runtime: r}}',
                 [{'functions': []}], 'there is no'),
                ('aliases: {a: {function: f, version: 1}}',
                 [{'functions': []}, {'function_aliases': []}],
                 'There is no function f'),
                ('aliases: {a: {function: f, version: latest}}',
                 [{'functions': []}, {'function_aliases': []}],
                 'There is no function f'),
                ('aliases: {a: {function: f, version: latest}}',
                 [{'functions': [self.row(latest_version=0)]},
                  {'function_aliases': []}], 'has no version yet'),
                ('functions: {f: {image: i}}',
                 [{'functions': [self.row(), self.row()]}],
                 'Function f is not unique')):
            error = self.assertRaises(
                exceptions.ClientError, self.plan, text, *answers)
            self.assertIn(sentence, str(error))

    def test_weights_of_one_version_add_up(self):
        lines = self.plan(
            'aliases: {a: {function: f, routing: {2: 0.7, latest: 0.3}}}',
            {'functions': [self.row()]}, {'function_aliases': []})
        self.assertIn('    routing: {"2": 1.0}', lines)

    def test_job_with_another_target_is_replaced(self):
        job = {'id': ID, 'name': 'j', 'status': 'running', 'pattern': '@daily',
               'function_alias': 'a', 'function_id': None,
               'function_version': None, 'count': 3}
        text = 'jobs: {j: {alias: %s, pattern: "@daily", count: 9}}'
        for alias, expected in (
                ('a', []), ('b', ['- job j', '    function_alias: a -> b',
                                  '+ job j', '    pattern: @daily',
                                  '    count: 9'])):
            self.assertEqual(expected, self.plan(
                text % alias, {'functions': []}, {'jobs': [job]}))
        # A job that has ended is no obstacle.
        self.assertEqual('+ job j', self.plan(
            text % 'a', {'functions': []},
            {'jobs': [dict(job, status='done')]})[0])

    def test_limits_of_a_job(self):
        job = {'id': ID, 'name': 'j', 'status': 'running',
               'function_alias': 'a', 'function_id': None,
               'end_at': '2031-01-01T00:00:00Z', 'jitter': 300,
               'exclusions': ['2030-12-24', '2030-12-31/2031-01-01']}
        text = ('jobs: {j: {alias: a, pattern: "@daily", end_at: %s, '
                'jitter: %s, exclusions: [2030-12-31/2031-01-01, %s]}}')
        job['pattern'] = '@daily'
        for values, expected in (
                (('2031-01-01', '5m', '2030-12-24'), []),
                (('2031-01-01T01:00:00+01:00', 300, '"2030-12-24"'), []),
                (('2031-01-02', 60, '2030-12-25'), [
                    '~ job j', '    end_at: 2031-01-01T00:00:00Z -> '
                    '2031-01-02T00:00:00Z', '    jitter: 300 -> 60'])):
            self.assertEqual(expected, self.plan(
                text % values, {'functions': []}, {'jobs': [job]})[:3])
        for field, sentence in (
                ('end_at: x', 'is no time such as 2030-01-31T12:00:00Z'),
                ('exclusions: x', 'is no list of texts'),
                ('exclusions: [1]', 'is no list of texts')):
            error = self.assertRaises(
                exceptions.ClientError, self.load,
                'jobs: {j: {alias: a, %s}}' % field)
            self.assertIn(sentence, str(error))

    def test_rotation_of_a_webhook(self):
        webhook = {'id': ID, 'description': 'w', 'function_alias': 'a',
                   'function_id': None, 'signature': 'github'}
        self.useFixture(fixtures.EnvironmentVariable('HOOK', 'secret'))
        text = ('webhooks: {w: {alias: a, signature: %s, secret: {env: '
                'HOOK}}}')
        answers = {'functions': []}, {'webhooks': [webhook]}
        self.assertEqual([], self.plan(text % 'github', *answers))
        for lines in (self.plan(text % 'stripe', *answers),
                      self.plan(text % 'github', *answers,
                                update_secrets=True)):
            self.assertEqual(['~ webhook w', '    secret: rotated'], lines)

    def source(self, **fields):
        return {'id': ID, 'name': 'e', 'kind': 'redis', 'settings': {
            'stream': 's', 'start': 'new', 'group': 'qinling'},
            'function_alias': 'a', 'function_id': None, 'filter': {
                'match': {'$.x': [1]}}, 'batch_size': 1, 'batch_window': 5,
            'has_credentials': False, **fields}

    def test_event_source(self):
        for text, row, expected in (
                (SOURCE % 'new', {}, []),
                (SOURCE % 'new}, batch_window: 5s, filter: {match: {$.x: 1}',
                 {}, []),
                (SOURCE % 'new', {'kind': 'rabbitmq'}, [
                    '- event source e', '    kind: rabbitmq -> redis',
                    '+ event source e', '    kind: redis',
                    '    settings: {"stream": "s", "start": "new"}']),
                (SOURCE % 'oldest', None, [
                    '+ event source e', '    kind: redis',
                    '    settings: {"stream": "s", "start": "oldest"}']),
                (SOURCE % 'new}, filter: {types: [a]', {}, [
                    '~ event source e',
                    '    filter: {"match": {"$.x": [1]}} -> {"types": ["a"]}'
                ])):
            rows = [] if row is None else [self.source(**row)]
            self.assertEqual(expected, self.plan(
                text, {'functions': []}, {'event_sources': rows}), text)
        self.assertEqual(['- event source e'], self.plan(
            'event_sources: {}', {'functions': []},
            {'event_sources': [self.source()]},
            method='plan_deletions'))

    def test_credentials_of_an_event_source(self):
        self.useFixture(fixtures.EnvironmentVariable('PASSWORD', 'secret'))
        text = SOURCE % ('%s}, credentials: {username: u, password: '
                         '{env: PASSWORD}')
        for start, has_credentials, update_secrets, is_sent in (
                ('new', True, False, None), ('new', False, False, True),
                ('new', True, True, True), ('oldest', True, False, True)):
            server = stub.Server(*(stub.answer(body=body) for body in (
                {'functions': []}, {'event_sources': [self.source(
                    has_credentials=has_credentials)]}, {})))
            planned = list(plan.Planner(
                server.client(), self.load(text % start),
                update_secrets).plan())
            self.assertEqual(is_sent is not None, bool(planned))
            for change in planned:
                change.apply()
                self.assertEqual(
                    {'username': 'u', 'password': 'secret'},
                    json.loads(server.requests[-1].body)['credentials'])

    def test_deletions_of_nouns_in_the_file(self):
        self.assertEqual(['- job j'], self.plan(
            'jobs: {}', {'functions': [self.row()]},
            {'jobs': [{'id': ID, 'name': 'j'}]}, method='plan_deletions'))

    def test_number_that_was_used_before(self):
        text = ('functions: {f: {image: i, versions: {3: {image: i}}}}')
        row = self.row(latest_version=2, code={'source': 'image',
                                               'image': 'i'})
        server = stub.Server(*(stub.answer(body=answer) for answer in (
            {'functions': [row]}, row, row, {'version_number': 5})),
            stub.answer(204))
        change, = plan.Planner(server.client(), self.load(text)).plan()
        error = self.assertRaises(exceptions.ClientError, change.apply)
        self.assertIn('the number 3 was used before', str(error))
        self.assertEqual(f'DELETE /v1/functions/{ID}/versions/5',
                         server.paths[-1])


class TestExport(base.BaseTestCase):
    def test_names_of_files(self):
        names = ['a b', 'a_b', 'a/b', '..', 'ä', 'x' * 255, 'ä' * 255]
        files = [export._file_name(name) for name in names]
        self.assertEqual(len(names), len(set(files)))
        for name in files:
            self.assertNotIn('/', name)
            self.assertLess(len(name), 220)


class TestChanges(base.BaseTestCase):
    def test_comparison(self):
        row = {'a': None, 'b': '{"x": 1}', 'c': 'text', 'd': 1}
        self.assertEqual(({}, ()), changes.compare(
            row, {'a': {}, 'b': {'x': 1}, 'c': 'text', 'd': 1}))
        self.assertEqual(
            ({'c': {'y': 1}, 'd': 2}, ('c: text -> {"y": 1}', 'd: 1 -> 2')),
            changes.compare(row, {'c': {'y': 1}, 'd': 2}))
        self.assertEqual((f'c: {"x" * 57}...',), changes.list_fields(
            {'c': 'x' * 100, 'd': None}))


class TestApply(test_runs.Case):
    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.TempDir())
        self.path = self.directory() / 'app.yaml'
        self.path.write_text(
            'aliases: {a: {function: f, version: 1}, b: {function: f, '
            'version: 1}}')

    def answers(self, *answers):
        return ({'functions': [{'id': ID, 'name': 'f'}]},
                {'function_aliases': []}, *answers)

    def test_failure_names_what_is_done(self):
        out = self.run_command(
            ['apply', '--file', os.fspath(self.path)], *self.answers(
                {'name': 'a'}, stub.answer(409, {'faultstring': 'a fault'})),
            code=1)
        self.assertIn('done: + alias a\n', out)
        self.assertIn('alias b: a fault', self.errors)
        self.assertIn('1 of 2 changes are done; run the command again',
                      self.errors)

    def test_warning_about_an_entry(self):
        (self.path.parent / 'hello.py').write_text('')
        self.path.write_text(FUNCTION.replace('main.py', 'hello.py') % '')
        self.run_command(
            ['apply', '--dry-run', '--file', os.fspath(self.path)],
            {'functions': []}, {'runtimes': [{'id': ID, 'name': 'python3'}]})
        self.assertIn('functions.f: Warning: no file of the package fits the '
                      'entry main.main; set --entry', self.errors)

    def test_dry_run_changes_nothing(self):
        self.run_command(['apply', '--dry-run', '--file',
                          os.fspath(self.path)], *self.answers())
        self.assertEqual({'GET'}, {path.split()[0] for path in self.paths})
        self.run_command(['diff', '--file', os.fspath(self.path)],
                         *self.answers(), code=1)
