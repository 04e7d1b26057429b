# SPDX-License-Identifier: Apache-2.0
"""Tests of every language against one suite of cases."""

import os
import threading

import fixtures
from oslotest import base

from qinling.tests.unit.runtimes import agents
from qinling.tests.unit.runtimes import conformance
from qinling.tests.unit.runtimes import workers


class Conformance:
    """Cases on one shared worker, and tests on private workers."""

    image = None
    entry = 'main.main'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.worker = None
        if cls.image in workers.images():
            cls.worker = workers.Worker(
                cls.image, workers.conformance(cls.image), cls.entry)
            cls.worker.setUp()

    @classmethod
    def tearDownClass(cls):
        if cls.worker:
            cls.worker.cleanUp()
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        if self.worker is None:
            self.skipTest('This machine has no Node.js.')

    def connect(self, worker=None):
        worker = worker or self.worker
        client = agents.Client(worker.address, worker.secret)
        self.addCleanup(client.close)
        return client

    def execute(self, case):
        """Execute the function and return the result and the log between the
        frames."""
        result = self.connect().execute(
            *case.args, timeout=case.timeout,
            context={'execution_id': 'e', 'function_id': 'f'}, **case.input)
        begin, end = 'Start execution: e\n', 'Finished execution: e\n'
        self.assertTrue(result['log'].startswith(begin), result['log'][:99])
        self.assertTrue(result['log'].endswith(end), result['log'][-99:])
        return result, result['log'][len(begin):-len(end)]

    def check(self, case):
        result, log = self.execute(case)
        self.assertEqual(case.status, result['status'],
                         str(result)[:2000])
        if case.begins:
            self.assertTrue(result['output'].startswith(case.begins),
                            result['output'])
        else:
            expected = case.unlike.get(self.image, case.output)
            self.assertTrue(expected == result['output'],
                            str(result)[:2000])
        if case.log is not None:
            self.assertEqual(case.log, log)
        self.assertIn(case.logged or '', log)
        # The worker continues after every outcome.
        again, _log = self.execute(conformance.Case(
            'again', {'do': 'echo', 'value': 1}))
        self.assertEqual(('success', 1), (again['status'], again['output']))

    def start(self, **settings):
        """Start a private worker and return a client."""
        return self.connect(self.own_worker(**settings))

    def own_worker(self, **settings):
        return self.useFixture(workers.Worker(
            self.image, workers.conformance(self.image),
            **dict({'entry': self.entry}, **settings)))

    def test_state_is_kept_in_a_worker(self):
        client = self.start()
        self.assertEqual([1, 2, 3], [
            client.execute(do='count')['output'] for _ in range(3)])

    def test_state_is_not_shared(self):
        first, second = self.start(), self.start(function_id='other')
        self.assertEqual([1, 1, 2], [
            client.execute(do='count')['output']
            for client in (first, second, first)])

    def test_slots(self):
        worker = self.own_worker(slots=2)
        directory = self.useFixture(fixtures.TempDir()).path
        first, second = (os.path.join(directory, name) for name in ('one',
                                                                    'two'))
        results = []
        client = self.connect(worker)
        thread = threading.Thread(target=lambda: results.append(client.execute(
            do='meet', mine=first, other=second, execution_id='first')))
        thread.start()
        self.assertTrue(agents.wait_until(lambda: os.path.exists(first)))
        second_client = self.connect(worker)
        self.assertEqual('met', second_client.execute(
            do='meet', mine=second, other=first)['output'])
        thread.join()
        self.assertEqual('met', results[0]['output'])
        executors = second_client.status()['executors']
        self.assertEqual(2, len({executor['pid'] for executor in executors}))

    def test_no_free_slot(self):
        worker = self.own_worker(slots=1)
        directory = self.useFixture(fixtures.TempDir()).path
        first, second = (os.path.join(directory, name) for name in ('one',
                                                                    'two'))
        client = self.connect(worker)
        thread = threading.Thread(target=lambda: client.execute(
            do='meet', mine=first, other=second, execution_id='first'))
        thread.start()
        self.assertTrue(agents.wait_until(lambda: os.path.exists(first)))
        self.assertEqual(503, self.connect(worker).try_execute().status)
        open(second, 'w').close()
        thread.join()

    def test_no_such_file(self):
        result = self.start(entry='absent.main').execute()
        self.assertEqual('failed', result['status'])
        self.assertRegex(result['output'], r'^The package has no (module|'
                         r'file) absent\b.* \(entry absent\.main\)\.$')
        self.assertIn(result['output'], result['log'])


def add_cases(cls):
    """Give a class a test for each case."""
    for case in conformance.CASES:
        if case.unlike.get(cls.image, '') is not None:
            setattr(cls, f'test_{case.name}',
                    lambda self, case=case: self.check(case))
    return cls


@add_cases
class TestPython(Conformance, base.BaseTestCase):
    image = 'python3'


@add_cases
class TestNodejs(Conformance, base.BaseTestCase):
    image = 'nodejs'


@add_cases
class TestNodejsModule(Conformance, base.BaseTestCase):
    image = 'nodejs'
    entry = 'module.main'


@add_cases
class TestCommand(Conformance, base.BaseTestCase):
    image = 'command'


@add_cases
class TestKeptCommand(Conformance, base.BaseTestCase):
    image = 'command'
    entry = 'kept'
