# SPDX-License-Identifier: Apache-2.0
"""Flow control on a server: several triggers, waits and refusals."""

import json

from oslotest import base

from qinling.tests.functional import base as servers

SLEEPER = ('import time\n\n\ndef main(customer="", seconds=0, **kwargs):\n'
           '    time.sleep(seconds)\n    return customer\n')
#: Seconds of an execution that a test cancels.
LONG_SECONDS = 50


class TestFlowControl(servers.Shared, base.BaseTestCase):
    """Tests of lines on one server."""

    @staticmethod
    def make_server():
        return servers.Standalone(engine={'sweep_interval': 1})

    def create(self, **control):
        return self.client.create(
            SLEEPER, flow_control=json.dumps(control))['id']

    def fire(self, function, status=201, sync=False, **values):
        code, row = self.client.call('POST', '/v1/executions', {
            'function_id': function, 'sync': sync, 'input': values})
        self.assertEqual(status, code, row)
        return row

    def get(self, row):
        return self.client.get(f'/v1/executions/{row["id"]}')

    def cancel(self, row):
        status, row = self.client.call(
            'POST', f'/v1/executions/{row["id"]}/cancel')
        self.assertEqual((200, 'cancelled'), (status, row['status']))

    def test_concurrency(self):
        function = self.create(key='$.customer', concurrency=1)
        first = self.fire(function, customer='ada', seconds=LONG_SECONDS)
        second = self.fire(function, customer='ada')
        third = self.fire(function, customer='ada')
        free = self.fire(function, customer='bob', sync=True)
        self.assertEqual(('success', 'bob', None), (
            free['status'], servers.output(free), free['waiting_for']))
        waiting = self.get(third)
        self.assertEqual(('running', 'ada', None, {
            'reason': 'concurrency', 'key': 'ada', 'place': 2,
            'until': None}), (waiting['status'], waiting['flow_key'],
                              waiting['next_attempt_at'],
                              waiting['waiting_for']))
        refused = self.fire(function, 429, True, customer='ada')
        self.assertIn('lets no other execution', refused['faultstring'])
        self.cancel(first)
        for row in (second, third):
            self.assertEqual('success', self.client.wait_for_end(
                row['id'])['status'])
        self.assertEqual('success', self.fire(
            function, sync=True, customer='ada')['status'])

    def test_many_executions_one_after_the_other(self):
        """Start the next one at the end of the one before, not in a sweep.
        """
        function = self.create(concurrency=1)
        status, batch = self.client.call('POST', '/v1/executions/batch', {
            'function_id': function, 'inputs': [{}] * 30})
        self.assertEqual(201, status, batch)
        rows = [self.client.wait_for_end(item['id'])
                for item in batch['executions']]
        self.assertEqual({'success'}, {row['status'] for row in rows})
        self.assertEqual(sorted(row['started_at'] for row in rows),
                         [row['started_at'] for row in rows])

    def test_rate(self):
        function = self.create(rate={'limit': 1, 'period': 3})
        first, second = self.fire(function), self.fire(function)
        wait = self.get(second)['waiting_for']
        self.assertEqual(('rate', 1), (wait['reason'], wait['place']))
        status, headers, _body = self.client.request(
            'POST', '/v1/executions', json.dumps({'function_id': function}),
            {'Content-Type': 'application/json'})
        self.assertEqual(429, status)
        self.assertIn(int(headers['Retry-After']), (1, 2, 3))
        ends = [self.client.wait_for_end(row['id'])
                for row in (first, second)]
        self.assertEqual(['success'] * 2, [row['status'] for row in ends])
        self.assertLessEqual(wait['until'], ends[1]['started_at'])

    def test_debounce_of_a_webhook(self):
        function = self.create(key='header:X-Tenant',
                               debounce={'period': 2, 'max': 60})
        status, webhook = self.client.call(
            'POST', '/v1/webhooks', {'function_id': function})
        self.assertEqual(201, status, webhook)
        ids = []
        for number, tenant in enumerate(('a', 'b', 'a')):
            status, _headers, body = self.client.request(
                'POST', f'/v1/webhooks/{webhook["id"]}/invoke?customer='
                        f'{number}', headers={'X-Tenant': tenant})
            self.assertEqual(202, status, body)
            ids.append(json.loads(body)['execution_id'])
        ends = [self.client.wait_for_end(id) for id in ids]
        self.assertEqual(
            [('cancelled', 'superseded', 'a'), ('success', None, 'b'),
             ('success', None, 'a')],
            [(row['status'], row['reason'], row['flow_key'])
             for row in ends])
        self.assertEqual('2', servers.output(ends[2]))

    def test_singleton(self):
        function = self.create(singleton='newest')
        first = self.fire(function, seconds=LONG_SECONDS)
        second = self.fire(function, sync=True)
        self.assertEqual('success', second['status'])
        self.assertEqual(('cancelled', 'superseded'), (
            self.get(first)['status'], self.get(first)['reason']))

    def test_settings(self):
        function = self.create(concurrency=1)
        row = self.client.form('PUT', f'/v1/functions/{function}', {
            'flow_control': '{"concurrency": 2, "priority": "$.p"}'})
        self.assertEqual({'concurrency': 2, 'priority': '$.p'},
                         row['flow_control'])
        status, error = self.client.call(
            'PUT', f'/v1/functions/{function}', {
                'flow_control': {'priority': '$.p'}})
        self.assertEqual(400, status)
        self.assertIn('needs at least one of', error['faultstring'])
        status, alias = self.client.call('POST', '/v1/aliases', {
            'name': 'live', 'function_id': function,
            'flow_control': {'singleton': 'oldest'}})
        self.assertEqual({'singleton': 'oldest'}, alias['flow_control'])
        row = self.client.form('PUT', f'/v1/functions/{function}', {
            'flow_control': '{}'})
        self.assertIsNone(row['flow_control'])

    def test_a_restart(self):
        """Lose nothing when the server is killed."""
        function = self.create(concurrency=1)
        rows = [self.fire(function, seconds=0.1) for _ in range(5)]
        self.server.program.kill()
        self.server.restart()
        type(self).client = self.server.client
        for row in rows:
            self.assertEqual('success', self.client.wait_for_end(
                row['id'])['status'])
