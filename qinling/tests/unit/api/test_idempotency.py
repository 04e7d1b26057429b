# SPDX-License-Identifier: Apache-2.0
"""``Idempotency-Key`` on what is created."""

import threading

from qinling.db import models
from qinling.tests.unit.api import cases

ALL = '/v1/executions'
REPLAYED = 'Idempotent-Replayed'


class TestKeys(cases.ApiTest):
    ENFORCING = True

    def setUp(self):
        super().setUp()
        self.function = self.api.function().id

    def send(self, key, status=201, project='default', **body):
        body = {'function_id': self.function, **body}
        answer = self.api.request(
            'POST', ALL, body, Idempotency_Key=key, X_Project_Id=project,
            X_Roles='member')
        self.decode(answer, status)
        return answer

    def runs(self):
        return self.api.row(models.Function, self.function).count

    def test_repeats(self):
        for sync in (True, False):
            first, *others = (self.send(f'key {sync}', sync=sync)
                              for _ in range(3))
            self.assertNotIn(REPLAYED, first.headers)
            for other in others:
                self.assertEqual(first.json, other.json)
                self.assertEqual('true', other.headers[REPLAYED])
        self.assertEqual(2, self.runs())

    def test_without_a_key(self):
        """Nothing is looked up and nothing written."""
        statements = []
        self.api.watch(statements.append)
        for _ in range(2):
            self.call('POST', ALL, {'function_id': self.function}, 201,
                      X_Roles='member')
        self.assertEqual(2, self.runs())
        self.assertGreater(len(statements), 5)
        self.assertEqual([], [each for each in statements
                              if 'idempotency' in each])

    def test_another_body(self):
        self.send('key')
        for body in ({'input': 'x'}, {'sync': False}, {'description': 'd'}):
            fault = self.send('key', 422, **body).json['faultstring']
            self.assertIn('was used for another request', fault)
        self.assertEqual(1, self.runs())

    def test_another_key(self):
        rows = [self.send(key).json['id'] for key in (
            'a', 'A', 'a ' + 'b', 'x' * 255, '"a"')]
        self.assertEqual(5, len(set(rows)))

    def test_other_projects(self):
        """Their keys are not ours."""
        self.send('key')
        self.send('key', 404, project='theirs')

    def test_keys_that_are_none(self):
        for key in ('', 'x' * 256):
            fault = self.send(key, 400).json['faultstring']
            self.assertIn('1 to 255 characters', fault)

    def test_what_was_refused_may_be_sent_again(self):
        self.send('key', 404, function_version=7)
        self.send('key', 400, nonsense='x')
        self.send('key')
        self.assertEqual(1, self.runs())

    def test_the_policy_comes_first(self):
        self.send('key')
        answer = self.api.request(
            'POST', ALL, {'function_id': self.function},
            Idempotency_Key='key', X_Roles='reader')
        self.decode(answer, 403)


class TestJobs(cases.ApiTest):
    """The same for jobs."""

    def send(self, key, status=201, **body):
        body = {'function_id': self.function, 'pattern': '@daily', **body}
        answer = self.api.request('POST', '/v1/jobs', body,
                                  Idempotency_Key=key)
        self.decode(answer, status)
        return answer

    def setUp(self):
        super().setUp()
        self.function = self.api.function().id

    def jobs(self):
        return len(self.call('GET', '/v1/jobs')['jobs'])

    def test_repeats(self):
        first, *others = (self.send('key') for _ in range(3))
        self.assertNotIn(REPLAYED, first.headers)
        for other in others:
            self.assertEqual(first.json, other.json)
            self.assertEqual('true', other.headers[REPLAYED])
        self.assertEqual(1, self.jobs())

    def test_another_body(self):
        self.send('key')
        self.send('key', 422, name='other')
        self.send('another key', name='other')
        self.assertEqual(2, self.jobs())

    def test_a_job_is_no_execution(self):
        self.send('key')
        self.call('POST', ALL, {'function_id': self.function}, 201,
                  Idempotency_Key='key')
        self.assertEqual(1, self.api.row(models.Function,
                                         self.function).count)

    def test_all_at_once(self):
        found = []
        threads = [threading.Thread(
            target=lambda: found.append(self.send('key').json['id']))
            for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(4, len(found))
        self.assertEqual(1, len(set(found)))
        self.assertEqual(1, self.jobs())
