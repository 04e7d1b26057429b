# SPDX-License-Identifier: Apache-2.0

from oslotest import base

from qinling.db import models
from qinling import exception
from qinling.tests import fixtures


class AdmissionTest(base.BaseTestCase):
    limits = {}

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(**self.limits))
        self.executions = self.core.services.executions
        self.functions = [self.core.function(name=name) for name in 'ab']
        self.statements = []

    def create(self, number=0, sync=False):
        return self.core.services.triggers.fire(
            fixtures.caller(), fixtures.execution_request(
                self.functions[number].id, sync=sync))

    def admission(self):
        return self.core.services.triggers._dispatch.admission

    def finish(self, row):
        self.core.succeed(row, None)


class TestFunctions(AdmissionTest):
    limits = {'resource_limits': {'function_executions': 2}}

    def test_functions_are_limited(self):
        rows = [self.create() for _ in range(2)]
        error = self.assertRaises(
            exception.TooManyExecutions, self.create)
        self.assertEqual((429, 1), (
            error.http_code, error.fields['retry_after']))
        self.assertIn(self.functions[0].id, str(error))
        self.assertRaises(exception.TooManyExecutions, self.create,
                          sync=True)
        # Other functions are not limited.
        self.create(1)
        self.finish(rows[0])
        self.expire_counts()
        self.create()

    def expire_counts(self):
        """Expire the cached counts."""
        self.admission()._next_read = 0

    def test_ended_executions_do_not_count(self):
        for _ in range(5):
            self.expire_counts()
            self.create(sync=True)

    def test_uncommitted_executions_count(self):
        target = self.target()
        admission = self.admission()
        with admission.admit(target, False):
            self.expire_counts()
            self.assertRaises(
                exception.TooManyExecutions,
                admission.admit(target, False).__enter__)
        self.expire_counts()
        with admission.admit(target, False):
            pass

    def target(self):
        self.create()
        return self.core.engine.calls.pop()[2]


class TestProjects(AdmissionTest):
    limits = {'resource_limits': {'project_executions': 2}}

    def test_projects_are_limited(self):
        for number in range(2):
            self.create(number)
        self.assertIn('Project default', str(self.assertRaises(
            exception.TooManyExecutions, self.create)))

    def test_executions_between_attempts_do_not_count(self):
        for _ in range(2):
            self.core.insert(
                models.Execution, function_id=self.functions[0].id,
                sync=False, lease_until=models.now(),
                next_attempt_at=models.now())
        self.create()


class TestQueue(AdmissionTest):
    limits = {'resource_limits': {'queue_length': 2}}

    def test_full_queue_refuses_executions(self):
        for number in range(2):
            self.create(number)
        error = self.assertRaises(exception.Unavailable, self.create)
        self.assertIn('2 executions wait', str(error))
        # Synchronous executions do not enter the queue.
        self.create(sync=True)


class TestThreads(AdmissionTest):
    limits = {'api': {'threads': 3}}

    def test_functions_cannot_use_all_threads(self):
        """Start an execution from each running execution."""
        depth = []

        def run(row, target):
            depth.append(row)
            self.create(sync=True)
        self.core.engine.answers['run'] = run
        self.assertRaises(exception.TooManyExecutions, self.create,
                          sync=True)
        self.assertEqual(2, len(depth))


class TestDisabled(AdmissionTest):
    limits = {'resource_limits': {'queue_length': 0}}

    def test_counts_are_not_read(self):
        reads = []
        self.admission()._read_counts = lambda: reads.append(1)
        for sync in (True, False):
            self.create(sync=sync)
        self.assertEqual([], reads)
