# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands for executions, jobs and webhooks."""

import json
import signal

from qinling.tests.functional import shells


class TestExecutions(shells.Watched, shells.Case):
    def test_invoke(self):
        self.assertEqual(
            {'greetings': ['Hello, Ada', 'Hello, Ada']},
            json.loads(self.shell.run('function invoke', 'greeter',
                                      'name=Ada', 'times:=2')))
        error = self.shell.fails('function invoke', 'greeter', '--show-log',
                                 'name=broken')
        self.assertIn('Traceback', error)
        self.assertIn('ValueError: a broken greeting\n  main.py, line 7, in '
                      'main\nExecution ', error)
        self.assertIn('qinling function execution log show ', error)
        id = self.shell.value(
            'id', 'function create', '--name', 'text', '--runtime', 'python3',
            '--file', 'main.py', '--entry', 'main.text')
        (self.directory / 'input').write_text('{"name": "Bär"}', 'utf-8')
        self.assertEqual('Grüße, Bär\n', self.shell.run(
            'function invoke', id, '--input', '@input'))
        self.assertEqual('Grüße, Ada\n', self.shell.run(
            'function invoke', 'text', '--input', '-', stdin='Ada'))
        self.assertIn('No such file', self.shell.fails(
            'function invoke', 'text', '--input', '@nothing'))
        self.assertIn('not both', self.shell.fails(
            'function invoke', 'text', 'name=a', '--input', '{}'))
        self.assertIn('write JSON after :=', self.shell.fails(
            'function invoke', 'text', 'name:=a'))
        self.check_output()
        id = self.shell.run('function invoke', 'text', '--async').strip()
        self.assertEqual('success', self.client.wait_for_end(id)['status'])

    def check_output(self):
        """Check a result in a file."""
        self.shell.run('function invoke', 'text', 'name=Ada', '--output',
                       'result')
        self.assertEqual('Grüße, Ada', (self.directory / 'result').read_text(
            'utf-8'))

    def test_logs(self):
        for name in ('first', 'broken'):
            self.shell.run('function invoke', 'greeter', f'name={name}',
                           code=int(name == 'broken'))
        text = self.shell.run('function logs', 'greeter')
        self.assertLess(text.index('Greeting first'),
                        text.rindex('ValueError: a broken greeting'))
        text = self.shell.run('logs', 'greeter', '--failed', '--grep',
                              'Greeting')
        self.assertIn('Greeting broken', text)
        self.assertNotIn('Greeting first', text)
        self.assertNotIn('Traceback', text)

    def test_watch(self):
        self.start_command('execution', 'list', '--watch', '1s', '-o', 'json')
        for name, status in (('first', 'success'), ('broken', 'failed')):
            mark = f'{name} while watched'
            self.shell.run('function invoke', 'greeter', f'name={name}',
                           f'mark={mark}', code=int(status == 'failed'))
            row = {'status': 'running'}
            while row['status'] == 'running':
                row = json.loads(self.read_until(mark).splitlines()[-1])
            self.assertEqual(status, row['status'])
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(130, self.process.wait())

    def test_wait(self):
        ids = [self.shell.run('function invoke', 'greeter', '--async',
                              f'name={name}').strip()
               for name in ('Ada', 'broken')]
        text = self.shell.run('function execution wait', *ids, code=1)
        self.assertIn('success', text)
        self.assertIn('failed: user_error', text)
        self.shell.run('function execution wait', ids[0], '--timeout', '1m')

    def test_statistics(self):
        for words, sentence in (
                (('--alias', 'prod', 'greeter'), 'not both'),
                (('--function-version', 1), 'specify the function'),
                (('nothing',), 'Function not found')):
            self.assertIn(sentence, self.shell.fails('function stats', *words))

    def test_table(self):
        self.shell.run('function invoke', 'greeter')
        text = self.shell.run('function execution list', '--limit', 1)
        self.assertIn('| greeter  | success |', text)
        self.assertNotIn(self.function, text)
        self.shell.run('function execution list', '--filter', 'group_id=none')
        self.assertIn('No execution matches.', self.shell.errors)

    def test_executions(self):
        words = ('function execution create', '--function', 'greeter',
                 '--async', '--description', 'mine')
        row = self.shell.json(*words, '--wait')
        self.assertEqual(('success', False), (row['status'], row['sync']))
        error = self.shell.fails(*words, '--wait', '--input',
                                 '{"name": "broken"}')
        self.assertIn('ended with status failed', error)
        # Without --wait, a failed function is no failure of the command.
        self.assertEqual('failed', self.shell.value(
            'status', 'function execution create', '--function', 'greeter',
            '--input', '{"name": "broken"}'))
        self.assertIn('Specify the function', self.shell.fails(
            'function execution create'))
        self.assertEqual(2, len(self.shell.json(
            'function execution list', '--function', 'greeter', '--filter',
            'description=mine')))
        id = row['id']
        self.assertEqual('mine', self.shell.value(
            'description', 'function execution show', id))
        for words in ((), ('--follow',)):
            self.assertIn('Greeting world\n', self.shell.run(
                'function execution log show', id, *words))
        self.shell.run('function execution delete', id)
        self.shell.run('function execution delete', '--function', 'greeter')
        self.assertIn('Specify what to delete', self.shell.fails(
            'function execution delete'))

    def test_follow(self):
        id = self.shell.value(
            'id', 'function execution create', '--function', 'greeter',
            '--async', '--input', '{"name": "slow"}')
        text = self.shell.run('function execution log show', '--follow', id)
        self.assertEqual(1, text.count('Greeting slow\n'))
        self.assertEqual('success', self.client.get(
            f'/v1/executions/{id}')['status'])

    def test_pages(self):
        for _ in range(3):
            self.shell.run('function invoke', 'greeter')
        self.assertEqual(3, len(self.shell.json(
            'function execution list', '--limit', 3)))
        first, second = self.shell.json('function execution list', '--limit',
                                        2)
        self.assertEqual(second['Id'], self.shell.value(
            'Id', 'function execution list', '--limit', 1, '--marker',
            first['Id']))


class TestCancellation(shells.Case):
    def test_cancel_and_rerun(self):
        id = self.shell.value(
            'id', 'function execution create', '--function', 'greeter',
            '--async', '--input', '{"name": "never"}')
        self.shell.run('function execution cancel', id)
        self.assertEqual('cancelled', self.client.wait_for_end(id)['status'])
        id = self.shell.value('id', 'function execution create', '--function',
                              'greeter', '--idempotency-key', 'one')
        self.assertIn('Unable to cancel', self.shell.fails(
            'function execution cancel', id))
        row = self.shell.json('function execution rerun', id, '--async',
                              '--wait')
        self.assertEqual(('success', id), (row['status'], row['rerun_of']))
        row = self.shell.json('function execution rerun', id,
                              '--function-version', 'current')
        self.assertEqual('success', row['status'])


class TestJobs(shells.Case):
    def test_jobs(self):
        row = self.shell.json(
            'job create', '--function', 'greeter', '--name', 'nightly',
            '--pattern', '0 3 * * *', '--timezone', 'Europe/Berlin',
            '--misfire', 'skip', '--count', 3, '--function-input',
            '{"name": "Ada"}')
        self.assertEqual((3, '{"name": "Ada"}'),
                         (row['count'], row['function_input']))
        self.assertEqual('Europe/Berlin', self.shell.json(
            'job list', '--long')[0]['Timezone'])
        self.assertEqual(2, len(self.shell.json(
            'job next list', 'nightly', '--count', 2)))
        run = self.shell.json('job run', 'nightly', '--wait')
        self.assertEqual(
            ('success', f'Created by Job {row["id"]}'),
            (run['status'], self.shell.value(
                'description', 'function execution show', run['id'])))
        self.assertEqual([run['id']], [row['Id'] for row in self.shell.json(
            'function execution list', '--job', 'nightly')])
        self.assertEqual(3, self.shell.json('job show', 'nightly')['count'])
        row = self.shell.json(
            'job update', 'nightly', '--overlap', 'queue_one', '--jitter',
            '5m', '--max-failures', 4, '--end-at', '2099-01-01', '--exclude',
            '2098-12-25', '--exclude', '2098-12-31/2099-01-01')
        self.assertEqual(
            ('queue_one', 300, 4, '2099-01-01T00:00:00Z',
             ['2098-12-25', '2098-12-31/2099-01-01']),
            (row['overlap'], row['jitter'], row['max_failures'],
             row['end_at'], row['exclusions']))
        row = self.shell.json('job update', 'nightly', '--exclude', '')
        self.assertIsNone(row['exclusions'])
        text = self.shell.run('job list')
        self.assertIn('Europe/Berlin (', text)
        self.assertIn(' UTC)', text)
        self.assertEqual('paused', self.shell.value(
            'status', 'job update', 'nightly', '--status', 'paused'))
        self.assertEqual(row['id'], self.shell.value(
            'id', 'job show', 'nightly'))
        self.shell.run('job delete', 'nightly')


class TestWebhooks(shells.Case):
    def test_webhooks(self):
        run, json_ = self.shell.run, self.shell.json
        row = json_('webhook create', '--function', 'greeter',
                    '--description', 'outside')
        answer = json_('webhook invoke', 'outside', 'name=Ada', '--wait')
        self.assertEqual(202, answer['status_code'])
        self.assertIn('Ada', run('function execution log show',
                                 answer['execution_id']))
        self.assertIn('ended with status failed', self.shell.fails(
            'webhook invoke', 'outside', '--input', '{"name": "broken"}',
            '--wait'))
        self.assertEqual(True, json_('webhook update', 'outside',
                                     '--sync')['sync'])
        answer = json_('webhook invoke', row['id'], 'name=Ada')
        self.assertIn('Hello, Ada', answer['output'])
        self.assertIn('(HTTP 502)', self.shell.fails(
            'webhook invoke', 'outside', 'name=broken'))
        self.assertIn('must be a JSON object', self.shell.fails(
            'webhook invoke', 'outside', '--input', '[]'))
        self.check_secrets()
        self.assertEqual([row['id']],
                         [row['Id'] for row in json_('webhook list')])
        run('webhook delete', 'outside')

    def check_secrets(self):
        (self.directory / 'secret').write_text('a secret of the sender\n')
        row = self.shell.json(
            'webhook secret rotate', 'outside', '--signature', 'github',
            '--secret', '@secret')
        self.assertEqual('a secret of the sender', row['secret'])
        self.assertNotIn('secret', self.shell.json('webhook show', 'outside'))
        self.assertIn('(HTTP 401)', self.shell.fails(
            'webhook invoke', 'outside'))
        answer = self.shell.json('webhook invoke', 'outside', '--secret',
                                 '@secret')
        self.assertEqual(200, answer['status_code'])
        self.shell.run('webhook secret delete', 'outside')
        self.shell.run('webhook invoke', 'outside')
        self.shell.run('--debug webhook secret rotate', 'outside',
                       '--signature', 'github', '--secret', 'typed as it is')
        self.assertIn('-X GET', self.shell.errors)
        self.assertNotIn('typed as it is', self.shell.errors)
        text = self.shell.run('webhook secret rotate', 'outside',
                              '--signature', 'github', '--debug')
        secret = text.split('| secret')[1].split('|')[1].strip()
        self.assertNotIn(secret, self.shell.errors)
        self.shell.run('webhook secret delete', 'outside')


class TestTriggers(shells.Case):
    def test_triggers(self):
        self.shell.run('function trigger list')
        self.assertIn('Nothing runs functions by itself', self.shell.errors)
        job = self.shell.json(
            'job create', '--function', 'greeter', '--name', 'nightly',
            '--pattern', '0 3 * * *', '--function-input',
            '{"name": "broken"}')
        hook = self.shell.json('webhook create', '--function', 'greeter',
                               '--description', 'outside')
        self.shell.fails('job run', 'nightly', '--wait')
        rows = self.shell.json('function trigger list')
        self.assertEqual(
            [('job', job['id'], 'nightly', 'running', 'user_error'),
             ('webhook', hook['id'], 'outside', 'open', None)],
            [tuple(row[name] for name in (
                'Kind', 'Id', 'Name', 'Status', 'Outcome')) for row in rows])
        self.assertEqual(job['next_execution_time'],
                         rows[0]['Next_execution_time'])
        self.assertIn('See the log of', rows[0]['Problem'])
        text = self.shell.run('trigger list')
        self.assertIn('| nightly | greeter  | running |', text)
