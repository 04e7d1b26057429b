# SPDX-License-Identifier: Apache-2.0
"""Tests of the list of all triggers."""

import json

from oslotest import base

from qinling.tests.unit.client import stub

ID = '11111111-2222-4333-8444-555555555555'
TARGET = '22222222-2222-4333-8444-555555555555'
JOB = {'id': ID, 'name': 'nightly', 'status': 'running',
       'status_reason': None, 'function_id': TARGET, 'function_alias': None,
       'function_version': 0, 'next_execution_time': '2026-01-02T03:00:00Z'}
HOOK = {'id': ID, 'description': 'shop', 'function_id': None,
        'function_alias': 'prod', 'function_version': 0, 'refused': 3}
SOURCE = {'id': ID, 'name': 'orders', 'kind': 'rabbitmq', 'function_id': None,
          'function_alias': 'prod', 'function_version': 0, 'dead': 2,
          'status': 'running', 'state': 'connected', 'state_reason': None}
FUNCTION = {'id': ID, 'name': 'orders', 'async_policy': {
    'retries': 1, 'on_failure': {'function_id': TARGET}}}
EXECUTION = {'id': TARGET, 'status': 'failed', 'reason': 'timeout',
             'created_at': '2026-01-01T03:00:00Z'}


def answers(jobs=(), webhooks=(), event_sources=(), functions=(),
            executions=(), runs=()):
    """Return the answers of the lists; each trigger asks for executions.

    :param runs: answers about the deliveries to the webhooks.
    """
    last = stub.answer(body={'executions': executions})
    rows = []
    for name, items in (('jobs', jobs), ('webhooks', webhooks),
                        ('event_sources', event_sources),
                        ('functions', functions)):
        rows.append(stub.answer(body={name: items}))
        rows += runs if name == 'webhooks' else [last] * len([
            item for item in items if item.get('status') != 'done'
            and item.get('async_policy', True)])
    return rows


class TestTriggers(base.BaseTestCase):
    def run_command(self, *words, **rows):
        self.server = stub.Server(*answers(**rows))
        code, out, errors = self.server.run(
            'function', 'trigger', 'list', *words)
        self.assertEqual(0, code, errors)
        return out

    def list_rows(self, **rows):
        return json.loads(self.run_command('-f', 'json', **rows))

    def test_job(self):
        row, = self.list_rows(jobs=[JOB], executions=[EXECUTION])
        self.assertEqual(
            {'Kind': 'job', 'Id': ID, 'Name': 'nightly',
             'Function_alias': None, 'Function_id': TARGET,
             'Function_version': 0, 'Status': 'running',
             'Problem': f'See the log of {TARGET}.',
             'Last_created_at': EXECUTION['created_at'],
             'Outcome': 'timeout',
             'Next_execution_time': JOB['next_execution_time']}, row)
        self.assertIn(f'job_id={ID}', self.server.paths[1])

    def test_paused_and_ended_jobs(self):
        reason = 'The job is paused: its last 3 executions failed.'
        row, = self.list_rows(jobs=[
            dict(JOB, status='paused', status_reason=reason),
            dict(JOB, status='done')])
        self.assertEqual(('paused', reason, None, None), (
            row['Status'], row['Problem'], row['Next_execution_time'],
            row['Outcome']))

    def test_webhook(self):
        for deliveries, run, outcome in (
                ([], [], None),
                ([{'execution_id': TARGET}], [stub.answer(body=EXECUTION)],
                 'timeout'),
                ([{'execution_id': TARGET}],
                 [stub.answer(404, {'faultstring': 'Gone.'})], None)):
            row, = self.list_rows(webhooks=[HOOK], runs=[
                stub.answer(body={'deliveries': deliveries}), *run])
            self.assertEqual(
                ('webhook', 'shop', '3 deliveries were refused.', outcome),
                (row['Kind'], row['Name'], row['Problem'], row['Outcome']))
            for part in (ID, 'status=accepted', 'limit=1'):
                self.assertIn(part, self.server.paths[2])

    def test_event_source(self):
        broken = dict(SOURCE, state='error', state_reason='No answer.')
        rows = self.list_rows(event_sources=[
            SOURCE, broken, dict(SOURCE, status='paused')])
        self.assertEqual(
            [('rabbitmq', 'orders', 'connected',
              '2 events became dead letters.'),
             ('rabbitmq', 'orders', 'error', 'No answer.'),
             ('rabbitmq', 'orders', 'paused',
              '2 events became dead letters.')],
            [(row['Kind'], row['Name'], row['Status'], row['Problem'])
             for row in rows])
        self.assertIn(f'group_id={ID}', self.server.paths[3])

    def test_failure_call(self):
        row, = self.list_rows(functions=[
            FUNCTION, dict(FUNCTION, async_policy=None)],
            executions=[dict(EXECUTION, status='success', reason=None)])
        self.assertEqual(
            ('on-failure', 'failures of orders', TARGET, 'success', None),
            (row['Kind'], row['Name'], row['Function_id'], row['Outcome'],
             row['Problem']))
        self.assertIn('trigger=on_failure', self.server.paths[4])

    def test_limit(self):
        out = self.run_command(
            '--limit', '1', '-f', 'value', '-c', 'Name', webhooks=[HOOK],
            runs=[stub.answer(body={'deliveries': []})])
        self.assertEqual('shop\n', out)
