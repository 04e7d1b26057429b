# SPDX-License-Identifier: Apache-2.0
"""``Idempotency-Key`` of POST requests."""

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

    def count_executions(self):
        return self.api.row(models.Function, self.function).count

    def test_repeats_return_the_first_answer(self):
        for sync in (True, False):
            first, *repeats = (self.send(f'key {sync}', sync=sync)
                               for _ in range(3))
            self.assertNotIn(REPLAYED, first.headers)
            for repeat in repeats:
                self.assertEqual(first.json, repeat.json)
                self.assertEqual('true', repeat.headers[REPLAYED])
        self.assertEqual(2, self.count_executions())

    def test_requests_without_keys_skip_the_table(self):
        statements = []
        self.api.watch_statements(statements.append)
        for _ in range(2):
            self.call('POST', ALL, {'function_id': self.function}, 201,
                      X_Roles='member')
        self.assertEqual(2, self.count_executions())
        self.assertGreater(len(statements), 5)
        self.assertEqual([], [statement for statement in statements
                              if 'idempotency' in statement])

    def test_other_body_with_a_used_key_is_refused(self):
        self.send('key')
        for body in ({'input': 'x'}, {'sync': False}, {'description': 'd'}):
            fault = self.send('key', 422, **body).json['faultstring']
            self.assertIn('was used for another request', fault)
        self.assertEqual(1, self.count_executions())

    def test_different_keys_run_again(self):
        rows = [self.send(key).json['id'] for key in (
            'a', 'A', 'a ' + 'b', 'x' * 255, '"a"')]
        self.assertEqual(5, len(set(rows)))

    def test_projects_have_separate_keys(self):
        self.send('key')
        self.send('key', 404, project='theirs')

    def test_invalid_keys_are_refused(self):
        for key in ('', 'x' * 256):
            fault = self.send(key, 400).json['faultstring']
            self.assertIn('1 to 255 characters', fault)

    def test_refused_requests_may_be_repeated(self):
        self.send('key', 404, function_version=7)
        self.send('key', 400, nonsense='x')
        self.send('key')
        self.assertEqual(1, self.count_executions())

    def test_policies_are_checked_before_keys(self):
        self.send('key')
        answer = self.api.request(
            'POST', ALL, {'function_id': self.function},
            Idempotency_Key='key', X_Roles='reader')
        self.decode(answer, 403)


class TestJobs(cases.ApiTest):
    """Keys of jobs."""

    def send(self, key, status=201, **body):
        body = {'function_id': self.function, 'pattern': '@daily', **body}
        answer = self.api.request('POST', '/v1/jobs', body,
                                  Idempotency_Key=key)
        self.decode(answer, status)
        return answer

    def setUp(self):
        super().setUp()
        self.function = self.api.function().id

    def count_jobs(self):
        return len(self.call('GET', '/v1/jobs')['jobs'])

    def test_repeats_return_the_first_answer(self):
        first, *repeats = (self.send('key') for _ in range(3))
        self.assertNotIn(REPLAYED, first.headers)
        for repeat in repeats:
            self.assertEqual(first.json, repeat.json)
            self.assertEqual('true', repeat.headers[REPLAYED])
        self.assertEqual(1, self.count_jobs())

    def test_other_body_with_a_used_key_is_refused(self):
        self.send('key')
        self.send('key', 422, name='other')
        self.send('another key', name='other')
        self.assertEqual(2, self.count_jobs())

    def test_jobs_and_executions_have_separate_keys(self):
        self.send('key')
        self.call('POST', ALL, {'function_id': self.function}, 201,
                  Idempotency_Key='key')
        self.assertEqual(1, self.api.row(models.Function,
                                         self.function).count)

    def test_concurrent_requests_create_one_job(self):
        ids = []
        threads = [threading.Thread(
            target=lambda: ids.append(self.send('key').json['id']))
            for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(4, len(ids))
        self.assertEqual(1, len(set(ids)))
        self.assertEqual(1, self.count_jobs())
