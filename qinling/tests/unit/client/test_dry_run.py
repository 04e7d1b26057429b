# SPDX-License-Identifier: Apache-2.0
"""Tests of explained commands, and of the description of a function."""

import json

from oslotest import base

from qinling.client import exceptions
from qinling.tests.unit.client import stub
from qinling.tests.unit.client import test_runs

ID = test_runs.ID
TARGET = {'function_id': ID, 'function_name': 'greeter',
          'function_version': 2, 'share': 0.25, 'runtime_id': ID,
          'runtime': 'python3', 'entry': 'main.main', 'cpu': 100,
          'memory_size': 1 << 25, 'timeout': 5, 'problems': [], 'notes': []}
EXPLANATION = {'allowed': True, 'refusal': None,
               'effects': ['An effect.', 'Another effect.'],
               'targets': [TARGET]}
REFUSED = {'allowed': False, 'refusal': 'the reason', 'effects': [],
           'targets': [dict(TARGET, function_version=0, share=1,
                            problems=['a problem'], notes=['a note'])]}


class TestDryRun(test_runs.Case):
    def test_all_commands(self):
        for command, path in (
                (f'function version create {ID}',
                 f'/v1/functions/{ID}/versions'),
                (f'function alias create prod --function {ID}', '/v1/aliases'),
                ('function alias update prod --function-version 2',
                 '/v1/aliases/prod'),
                (f'job create --function {ID} --pattern @daily',
                 '/v1/jobs'),
                ('webhook create --function-alias prod', '/v1/webhooks'),
                ('event source create --function-alias prod --kind redis '
                 '--setting url=redis://r', '/v1/event_sources'),
                (f'function execution create --function {ID} '
                 '--idempotency-key k', '/v1/executions')):
            out = self.run_command(f'{command} --dry-run', EXPLANATION)
            self.assertEqual([f'POST {path}/explain'], self.paths)
            self.assertNotIn('Next:', self.errors)
            for words in ('An effect.', 'greeter, version 2, for 25.0%',
                          'main.main on python3 with 100 millicpu'):
                self.assertIn(words, out)

    def test_refusal(self):
        out = self.run_command(
            f'function version create {ID} --dry-run', REFUSED, code=1)
        self.assertIn('Refused: the reason', self.errors)
        for words in ('greeter, the current code', 'Problem: a problem',
                      'a note'):
            self.assertIn(words, out)

    def test_machine_format(self):
        out = self.run_command(
            'function alias create prod --function ' + ID
            + ' --dry-run -f json', EXPLANATION)
        self.assertEqual(EXPLANATION, {
            name.lower(): value for name, value in json.loads(out).items()})

    def test_batches_are_not_explained(self):
        self.run_command(f'function execution create --function {ID} '
                         '--batch none --dry-run', code=1)
        self.assertIn('leave --batch out', self.errors)


class TestDescribe(test_runs.Case):
    def describe(self, explanation, code=0):
        return self.run_command(
            f'function describe {ID}', {'id': ID, 'name': 'greeter'},
            explanation, {'function_versions': [
                {'version_number': 3, 'description': 'better',
                 'message': 'Charge once',
                 'created_at': '2026-01-01T00:00:00Z'},
                {'version_number': 2, 'description': 'better',
                 'created_at': '2026-01-01T00:00:00Z'}]},
            {'function_aliases': [
                {'name': 'prod', 'function_id': ID, 'routing': None,
                 'function_version': 2},
                {'name': 'beta', 'function_id': ID, 'routing': {
                    '1': 0.75, '2': 0.25}, 'function_version': 0},
                {'name': 'foreign', 'function_id': test_runs.OTHER,
                 'routing': None, 'function_version': 1}]},
            {'references': [
                {'kind': 'alias', 'id': 'prod', 'alias': None},
                {'kind': 'job', 'id': 'j', 'alias': 'prod'},
                {'kind': 'webhook', 'id': 'w', 'alias': None}]},
            {'id': 'j', 'name': 'nightly'},
            {'id': 'w', 'description': None}, test_runs.STATS, code=code)

    def test_function_that_can_run(self):
        out = self.describe(EXPLANATION)
        for line in (f'greeter  ({ID})\n', 'It can run.\n',
                     'Aliases:\n  prod: version 2\n'
                     '  beta: version 1 (0.75), version 2 (0.25)\n',
                     'Used by:\n  job nightly (j) through alias prod\n'
                     '  webhook w\n',
                     'Last day:\n  10 executions, 1 failed, '):
            self.assertIn(line, out)
        self.assertRegex(out, 'Versions:\n  3, published .*: Charge once\n'
                              '  2, published .*: better\n')
        self.assertNotIn('foreign', out)

    def test_flow_control(self):
        limits = 'Flow control for each $.who: at most 1 at a time.'
        out = self.describe(dict(EXPLANATION, effects=[
            "The execution starts at once in the line of the key ''.",
            limits]))
        self.assertIn(f'\n  {limits}\n', out)
        self.assertNotIn('starts at once', out)
        # A synchronous execution might be refused where others wait.
        self.assertIs(False, self.body(1)['sync'])

    def test_empty_lists(self):
        out = self.run_command(
            f'function describe {ID}', {'id': ID, 'name': 'greeter'},
            EXPLANATION, {'function_versions': []}, {'function_aliases': []},
            {'references': []}, dict(test_runs.STATS, count=0))
        for title in ('Versions', 'Aliases', 'Used by', 'Last day'):
            self.assertIn(f'{title}: none\n', out)

    def test_function_that_cannot_run(self):
        out = self.describe(REFUSED, code=1)
        self.assertIn('It cannot run: the reason\n', out)
        self.assertIn('Problem: a problem\n', out)


class TestPython(base.BaseTestCase):
    def test_actions_without_a_change(self):
        server = stub.Server(stub.answer(body={'id': ID}))
        error = self.assertRaises(
            exceptions.ClientError, server.client().explain,
            lambda client: client.functions.get(ID))
        self.assertIn('nothing to explain', str(error))

    def test_invalid_requests(self):
        server = stub.Server(stub.answer(400, {'faultstring': 'a fault'}))
        error = self.assertRaises(
            exceptions.HttpError, server.client().explain,
            lambda client: client.jobs.create(pattern='x'))
        self.assertIn('a fault', str(error))
