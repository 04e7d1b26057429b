# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands that run functions, and show logs and statistics."""

import base64
import json
import pathlib
from unittest import mock

import fixtures
from oslotest import base

from qinling.tests.unit.client import stub

ID = '11111111-2222-4333-8444-555555555555'
OTHER = '22222222-2222-4333-8444-555555555555'
STATS = {
    'since': '2026-01-01T00:00:00Z', 'until': '2026-01-02T00:00:00Z',
    'as_of': '2026-01-02T00:00:00Z', 'count': 10, 'failures': 1,
    'failures_by_reason': {'timeout': 1}, 'cold_starts': 2,
    'gb_seconds': 1.5,
    'duration': {'p50': 0.012, 'p95': 0.5, 'p99': 1.0, 'max': 90.0}}


def execution(**fields):
    """Return an execution."""
    return {'id': ID, 'function_id': OTHER, 'function_version': 0,
            'status': 'success', 'reason': None, 'created_at':
            '2026-01-01T12:00:00Z', 'result': '{"output": "done"}', **fields}


class Case(base.BaseTestCase):

    def run_command(self, words, *answers, code=0):
        server = stub.Server(*(
            answer if not isinstance(answer, dict)
            else stub.answer(body=answer) for answer in answers))
        words = words.split() if isinstance(words, str) else words
        result, out, self.errors = server.run(*words)
        self.assertEqual(code, result, (out, self.errors))
        self.paths, self.requests = server.paths, server.requests
        return out

    def directory(self):
        return pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def body(self, number=0):
        return json.loads(self.requests[number].body)


class TestInvoke(Case):

    def test_alias_without_function(self):
        self.assertEqual('done\n', self.run_command(
            'function invoke --alias prod x=1 y:=2', execution()))
        self.assertEqual({'function_alias': 'prod', 'sync': True,
                          'input': {'x': '1', 'y': 2}}, self.body())
        self.run_command('function invoke', code=1)
        self.assertIn('its name, or --alias', self.errors)

    def test_failure(self):
        log = ('Traceback (most recent call last):\n'
               '  File "/code/main.py", line 3, in main\n'
               'ValueError: wrong\n')
        self.run_command(
            f'function invoke {OTHER}', execution(
                status='failed', reason='user_error',
                result='{"output": "wrong"}'), stub.answer(200, log), code=1)
        self.assertEqual(
            'ValueError: wrong\n  main.py, line 3, in main\n'
            f'Execution {ID}; show the log: qinling function execution log '
            f'show {ID}\n', self.errors)

    def test_timeout(self):
        failed = {'status': 'failed', 'reason': 'timeout',
                  'result': '{"output": "Function execution timeout."}'}
        for version, rest in ((0, '\n'), (2, ', and publish a version\n')):
            self.run_command(
                f'function invoke {OTHER}', execution(
                    function_version=version, **failed),
                stub.answer(200, ''), {'timeout': 5}, code=1)
            self.assertIn(
                'The limit is 5 s; set another one: qinling function update '
                f'{OTHER} --timeout TIME{rest}', self.errors)
        self.assertEqual(f'GET /v1/functions/{OTHER}/versions/2',
                         self.paths[-1])
        self.run_command(
            f'function invoke {OTHER}', execution(**failed),
            stub.answer(200, ''), stub.answer(404, {}), code=1)
        self.assertNotIn('The limit', self.errors)

    def test_hidden_log(self):
        self.run_command(
            f'function invoke {OTHER}', execution(
                status='error', reason='no_worker',
                result='{"output": "No worker."}'),
            stub.answer(403, {'faultstring': 'No.'}), code=1)
        self.assertIn('no_worker: No worker.\n', self.errors)

    def test_sentences_name_commands(self):
        self.run_command(
            f'function invoke {OTHER}', execution(
                status='error', reason='dependencies', result=json.dumps(
                    {'output': f'See GET /v1/functions/{OTHER}/versions/3'
                               '/build for more.'})),
            stub.answer(200, ''), code=1)
        self.assertIn(f'See qinling function build log show {OTHER} '
                      '--function-version 3 for more.', self.errors)

    def test_output(self):
        data = bytes(range(256))
        answers = (
            ({'body': base64.b64encode(data).decode(), 'is_base64': True},
             data), ({'body': 'text'}, b'text'), ('ä', 'ä'.encode()),
            ({'a': 1}, b'{"a": 1}\n'))
        path = self.directory() / 'out'
        for output, expected in answers:
            self.run_command(
                f'function invoke {OTHER} --output {path}',
                execution(result=json.dumps({'output': output})))
            self.assertEqual(expected, path.read_bytes())
        self.run_command(
            f'function invoke {OTHER} --output {path}', execution(
                result='{"output": {"body": "?", "is_base64": true}}'),
            code=1)
        self.assertIn('not base64', self.errors)
        self.run_command(f'function invoke {OTHER} --output /no/where',
                         execution(), code=1)
        self.assertIn('Cannot write /no/where', self.errors)


class TestExecutions(Case):

    def test_wait(self):
        out = self.run_command(
            f'execution wait {ID} {OTHER}', execution(),
            execution(id=OTHER, status='failed', reason='timeout'),
            {'id': OTHER, 'name': 'greeter'}, code=1)
        self.assertIn('| success', out)
        self.assertIn('| failed: timeout', out)
        self.run_command(f'execution wait {ID} -f json', execution())

    def test_wait_for_a_group(self):
        self.run_command(
            f'execution wait --group {OTHER}', {'executions': [
                execution(), execution(id=OTHER)]},
            execution(), execution(id=OTHER, status='failed'),
            {'id': OTHER, 'name': 'greeter'}, code=1)
        self.assertEqual([f'GET /v1/executions?group_id={OTHER}',
                          f'GET /v1/executions/{ID}'], self.paths[:2])
        self.run_command('execution wait', code=1)
        self.assertIn('or --group', self.errors)

    def test_wait_too_long(self):
        self.useFixture(fixtures.MonkeyPatch(
            'qinling.client.v1.base.POLL_SECONDS', (0.6, 0.6)))
        self.run_command(f'execution wait {ID} --timeout 1s',
                         *[execution(status='running')] * 4, code=1)
        self.assertIn('is still running after', self.errors)

    def write_batch(self, *lines):
        path = self.directory() / 'batch'
        path.write_text('\n'.join(lines))
        return path

    def test_batch_of_inputs(self):
        path = self.write_batch('{"a": 1}', '', '"text"')
        out = self.run_command(
            f'execution create --function {OTHER} --batch {path} -f json', {
                'group_id': 'g', 'executions': [
                    {'id': ID, 'status': 'running'},
                    {'error': {'code': 403, 'faultstring': 'Too many.'}}]},
            code=1)
        self.assertEqual('POST /v1/executions/batch', self.paths[0])
        self.assertEqual({'function_id': OTHER, 'function_version': 0,
                          'inputs': [{'a': 1}, 'text']}, self.body())
        self.assertEqual({'group_id': 'g', 'accepted': 1, 'rejected': 1,
                          'ids': [ID]}, json.loads(out))
        self.assertIn('Line 3: Too many. (HTTP 403)', self.errors)

    def test_batch_of_executions(self):
        path = self.write_batch(
            '{"function": "greeter", "input": 1}',
            '{"function": "greeter", "input": 2}',
            '{"function_alias": "prod"}')
        self.run_command(
            f'execution create --batch {path} --wait',
            {'functions': [{'id': OTHER, 'name': 'greeter'}]},
            {'group_id': 'g', 'executions': [{'id': ID}] * 3},
            *[execution()] * 3)
        self.assertEqual(
            {'executions': [
                {'input': 1, 'function_id': OTHER, 'sync': False},
                {'input': 2, 'function_id': OTHER, 'sync': False},
                {'function_alias': 'prod', 'sync': False}]}, self.body(1))
        self.assertIn('--filter group_id=g', self.errors)

    def test_large_batch(self):
        path = self.write_batch(*map(str, range(1500)))
        out = self.run_command(
            'execution create --function-alias prod --function-version 2 '
            f'--batch {path} -f json',
            *[{'group_id': group, 'executions': [{'id': ID}] * count}
              for group, count in (('g', 1000), ('h', 500))])
        self.assertEqual(1500, json.loads(out)['accepted'])
        self.assertEqual([1000, 500], [
            len(self.body(number)['inputs']) for number in (0, 1)])
        self.assertEqual(2, self.body(1)['function_version'])

    def test_invalid_batches(self):
        for lines, sentence in (((), 'is empty'), (('{',), 'Line 1'),
                                (('1', '[2]'), 'Line 1')):
            path = self.write_batch(*lines)
            self.run_command(f'execution create --batch {path}', code=1)
            self.assertIn(sentence, self.errors)

    def test_job(self):
        self.run_command(f'job run {OTHER}', execution(status='running'))
        self.assertEqual([f'POST /v1/jobs/{OTHER}/run'], self.paths)
        self.assertIn(f'execution wait {ID}', self.errors)


class TestWebhooks(Case):

    def test_signed(self):
        self.useFixture(fixtures.EnvironmentVariable(
            'QINLING_WEBHOOK_SECRET', 'a secret'))
        answers = ({'signature': 'github', 'webhook_url': 'http://h/w'},
                   stub.answer(202, {'execution_id': ID}))
        self.run_command(f'webhook invoke {OTHER} --sign a=1', *answers)
        self.assertIn('X-Hub-Signature-256', self.requests[1].headers)
        self.run_command(f'webhook invoke {OTHER} --sign', {
            'signature': None}, code=1)
        self.assertIn('webhook secret rotate', self.errors)
        self.useFixture(fixtures.EnvironmentVariable(
            'QINLING_WEBHOOK_SECRET'))
        self.run_command(f'webhook invoke {OTHER} --sign', answers[0],
                         code=1)
        self.assertIn('needs the secret', self.errors)

    def test_binary(self):
        directory = self.directory()
        (directory / 'in').write_bytes(b'\xff\x00')
        self.run_command(
            f'webhook invoke {OTHER} --input @{directory}/in --content-type '
            f'image/png --output {directory}/out', stub.answer(200, 'ä'))
        request = self.requests[0]
        self.assertEqual((b'\xff\x00', 'image/png'), (
            request.body, request.headers['Content-Type']))
        self.assertEqual('ä', (directory / 'out').read_text('utf-8'))
        self.run_command(f'webhook invoke {OTHER} --input @{directory}/in',
                         code=1)
        self.assertIn('not text in UTF-8; encode', self.errors)
        self.run_command(f'webhook invoke {OTHER} --input @/no/file', code=1)
        self.assertEqual('Cannot read the input: /no/file: No such file or '
                         'directory.\n', self.errors)


class TestLogs(Case):

    def log(self, id, text):
        return stub.answer(200, f'Start execution: {id}\n{text}'
                                f'Finished execution: {id}\n')

    def rows(self, *ids, **fields):
        return {'executions': [execution(id=id, **fields) for id in ids]}

    def test_logs(self):
        out = self.run_command(
            f'logs {OTHER} --failed', self.rows(ID, OTHER),
            self.log(OTHER, 'old\n'), self.log(ID, 'new\n'))
        self.assertIn('status=in%3Afailed%2Cerror', self.paths[0])
        self.assertLess(out.index('  old\n'), out.index('  new\n'))
        self.assertNotIn('Start execution', out)

    def test_limit(self):
        self.run_command(f'logs {OTHER} --limit 1', self.rows(ID, OTHER),
                         self.log(ID, ''))
        self.assertIn('--limit 10', self.errors)

    def test_grep(self):
        out = self.run_command(
            ['logs', '--alias', 'prod', '--grep', 'two'], self.rows(ID),
            self.log(ID, 'one\ntwo\n'))
        self.assertIn('logs=has%3Atwo', self.paths[0])
        self.assertNotIn('one', out)
        self.assertIn('  two\n', out)

    def test_grep_ignores_ids(self):
        self.assertEqual('', self.run_command(
            ['logs', '--alias', 'prod', '--grep', ID[:4]], self.rows(ID),
            self.log(ID, 'one\n')))

    def test_grep_without_help_of_the_server(self):
        out = self.run_command(
            ['logs', '--alias', 'prod', '--grep', 'two'],
            stub.answer(400, {'faultstring': 'Unknown argument'}),
            self.rows(ID, OTHER), self.log(ID, 'one\n'),
            self.log(OTHER, 'two\n'), self.log(OTHER, 'two\n'))
        self.assertNotIn(ID, out)
        self.assertIn('  two\n', out)

    def test_nothing(self):
        self.assertEqual('', self.run_command(f'logs {OTHER}', self.rows()))
        self.assertIn('function invoke', self.errors)
        self.run_command('logs', code=1)

    def test_follow(self):
        self.useFixture(fixtures.MonkeyPatch(
            'qinling.client.commands.logs.FOLLOW_SECONDS', 0))
        out = self.run_command(
            f'logs {OTHER} --follow', self.rows(ID, status='running'),
            self.log(ID, 'one\n'), self.rows(ID),
            self.log(ID, 'one\ntwo\n'), self.rows(OTHER, ID),
            self.log(OTHER, 'three\n'), KeyboardInterrupt(), code=130)
        lines = [line.strip() for line in out.splitlines()
                 if line.startswith('  ')]
        self.assertEqual(['one', 'two', 'three'], lines)


class TestStats(Case):

    def test_function(self):
        out = self.run_command(f'stats {OTHER} --version 2', STATS)
        self.assertEqual([f'GET /v1/functions/{OTHER}/versions/2/stats'],
                         self.paths)
        self.assertIn('10 executions, 1 failed (10.0%), p50 12ms, p95 500ms, '
                      'p99 1s, max 1m30s\n2 cold starts, 1.5 GB-seconds\n',
                      out)
        self.assertIn('  timeout: 1\n', out)

    def test_groups(self):
        groups = [dict(STATS, key='1', failures=0),
                  dict(STATS, key='10', count=5)]
        out = self.run_command(
            'stats --alias prod --by version --since 2026-01-01T00:00:00',
            dict(STATS, groups=groups))
        self.assertEqual(['GET /v1/aliases/prod/stats?since=2026-01-01T00%3A'
                          '00%3A00&by=version'], self.paths)
        first, second = out.splitlines()[-2:]
        self.assertIn('1   ' + '#' * 30 + '  10', first)
        self.assertIn('10  ' + '#' * 12 + '!' * 3 + ' ' * 15 + '  5', second)
        row = json.loads(self.run_command(
            'stats --by version -f json', dict(STATS, groups=groups)))[1]
        self.assertEqual(('10', 5, 0.012), (row['Version'], row['Count'],
                                            row['P50']))

    def test_narrow_terminals(self):
        groups = [dict(STATS, key='1', failures=0),
                  dict(STATS, key='10', count=5)]
        for width, bar in ((200, 30), (80, 23), (60, 0)):
            with mock.patch('cliff.utils.terminal_width',
                            return_value=width):
                lines = self.run_command(
                    'stats --by version', dict(STATS, groups=groups)
                ).splitlines()[4:]
            self.assertLessEqual(max(map(len, lines)), width)
            self.assertEqual(bar, lines[0].count('#'))
        self.assertEqual(['1', '  10 executions, p50 12ms, p95 500ms'],
                         lines[:2])

    def test_special_keys(self):
        for by, key, text in (('alias', '', '(no alias)'),
                              ('version', '0', '0 (latest code)')):
            groups = [dict(STATS, key=key, cold_starts=1)]
            out = self.run_command(f'stats --by {by}', dict(
                STATS, groups=groups, cold_starts=1))
            self.assertIn('\n1 cold start, ', out)
            self.assertTrue(out.splitlines()[-1].startswith(text + '  #'))
            self.assertEqual(key, json.loads(self.run_command(
                f'stats --by {by} -f json', dict(STATS, groups=groups)))[0][
                    by.capitalize()])

    def test_functions(self):
        out = self.run_command(
            'stats --by function', dict(STATS, groups=[
                dict(STATS, key=OTHER, failures=0)]),
            {'id': OTHER, 'name': 'greeter'})
        self.assertTrue(out.splitlines()[-1].startswith('greeter  ###'))
        self.assertTrue(out.endswith('10 executions, p50 12ms, p95 500ms\n'))

    def test_order(self):
        out = self.run_command('stats --by alias', dict(STATS, groups=[
            dict(STATS, key='rare', count=3), dict(STATS, key='frequent')]))
        self.assertEqual(['frequent', 'rare'], [
            line.split()[0] for line in out.splitlines()[-2:]])

    def test_empty(self):
        out = self.run_command('stats', dict(
            STATS, count=0, failures=0, duration=None, groups=[]))
        self.assertIn('No executions', out)

    def test_mistakes(self):
        for words in ('stats --version 1', f'stats {OTHER} --alias prod'):
            self.run_command(words, code=1)
        self.run_command('stats', stub.answer(
            404, {'faultstring': 'There is nothing at /v1/stats.'}), code=1)
        self.assertIn('may be older than the client', self.errors)
        self.assertNotIn('/v1/', self.errors)
