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
        return self.core.services.triggers._dispatch._admission

    def end(self, row):
        self.core.succeed(row, None)


class TestFunctions(AdmissionTest):
    limits = {'resource_limits': {'function_executions': 2}}

    def test_one_too_many(self):
        rows = [self.create() for _ in range(2)]
        error = self.assertRaises(
            exception.TooManyExecutions, self.create)
        self.assertEqual((429, 1), (
            error.http_code, error.fields['retry_after']))
        self.assertIn(self.functions[0].id, str(error))
        self.assertRaises(exception.TooManyExecutions, self.create,
                          sync=True)
        # Others may.
        self.create(1)
        self.end(rows[0])
        self.until_asked()
        self.create()

    def until_asked(self):
        """As if the pause between two questions were over."""
        self.admission()._next_read = 0

    def test_what_ends_at_once_does_not_count(self):
        for _ in range(5):
            self.until_asked()
            self.create(sync=True)

    def test_what_is_being_written_counts(self):
        target = self.target()
        admission = self.admission()
        with admission.admit(target, False):
            self.until_asked()
            self.assertRaises(
                exception.TooManyExecutions,
                admission.admit(target, False).__enter__)
        self.until_asked()
        with admission.admit(target, False):
            pass

    def target(self):
        self.create()
        return self.core.engine.calls.pop()[2]


class TestProjects(AdmissionTest):
    limits = {'resource_limits': {'project_executions': 2}}

    def test_all_functions_together(self):
        for number in range(2):
            self.create(number)
        self.assertIn('Project default', str(self.assertRaises(
            exception.TooManyExecutions, self.create)))

    def test_what_waits_for_its_next_attempt_does_not_count(self):
        for _ in range(2):
            self.core.insert(
                models.Execution, function_id=self.functions[0].id,
                sync=False, lease_until=models.now(),
                next_attempt_at=models.now())
        self.create()


class TestQueue(AdmissionTest):
    limits = {'resource_limits': {'queue_length': 2}}

    def test_it_is_full(self):
        for number in range(2):
            self.create(number)
        error = self.assertRaises(exception.Unavailable, self.create)
        self.assertIn('2 executions wait', str(error))
        # These do not wait in it.
        self.create(sync=True)


class TestThreads(AdmissionTest):
    limits = {'api': {'threads': 3}}

    def test_a_function_leaves_some(self):
        """Each execution begins another one while it runs."""
        depth = []

        def run(row, target):
            depth.append(row)
            self.create(sync=True)
        self.core.engine.answers['run'] = run
        self.assertRaises(exception.TooManyExecutions, self.create,
                          sync=True)
        self.assertEqual(2, len(depth))


class TestOff(AdmissionTest):
    limits = {'resource_limits': {'queue_length': 0}}

    def test_nothing_is_asked(self):
        asked = []
        self.admission()._read_counts = lambda: asked.append(1)
        for sync in (True, False):
            self.create(sync=sync)
        self.assertEqual([], asked)
