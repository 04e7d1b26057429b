# SPDX-License-Identifier: Apache-2.0
"""Executions of image functions."""

import json
import threading

from qinling.db import crud
from qinling.db import models
from qinling.engine.run import images
from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.tests.unit.engine import base
from qinling.tests.unit.engine.run import test_runner


class Cluster(orchestrators.ImageRunner):
    """Image runner with a prepared outcome.

    Without an outcome, images run until their cancellation.
    """

    def __init__(self, outcome):
        self.outcome = outcome
        self.runs = []
        self.started, self.ended = threading.Event(), threading.Event()

    def has_room(self):
        return True

    def cancel_image(self, execution_id):
        if execution_id == self.runs[0].execution_id:
            self.ended.set()

    def run_image(self, run):
        self.runs.append(run)
        if not self.has_room():
            raise exception.NoRoom('exceeded quota')
        if self.outcome is None:
            self.started.set()
            if not self.ended.wait(base.PATIENCE):
                raise AssertionError('The image was not cancelled.')
            raise exception.TemporaryError('its pod was deleted')
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class TestImages(test_runner.RunnerTest):
    """Image functions run without a worker."""

    target = base.target(code={'source': 'image', 'image': 'i'},
                         runtime_id=None, package=None, entry=None)

    def setUp(self):
        super().setUp()
        self.evictor = base.Evictor(0)

    def run_image(self, outcome, input=None):
        self.cluster = Cluster(outcome)
        self.images = images.Images(self.conf, self.cluster, self.evictor)
        _, row = self.run_execution(input=input)
        return row, json.loads(row.result)

    def test_success(self):
        row, result = self.run_image(orchestrators.ImageOutcome(
            True, 'words\0\n', 1.5), 'a  b\nc')
        self.assertEqual(('success', 'words\ufffd\n'),
                         (row.status, row.logs))
        self.assertEqual({'output': 'words\ufffd\n', 'duration': 1.5},
                         result)
        run, = self.cluster.runs
        self.assertEqual((('a', 'b', 'c'), 'i', row.id, 5),
                         (run.args, run.image, run.execution_id,
                          run.timeout))

    def test_input(self):
        done = orchestrators.ImageOutcome(True, '', 0)
        for input, args in (
                (None, ()), ('', ()), ('6', ('6',)),
                ('{"a": 1}', ('{"a": 1}',)),
                ('{"__function_input": "x y", "b": 2}',
                 ('x', 'y', '{"b": 2}')),
                ('{"__function_input": [1]}', ('[1]',))):
            self.run_image(done, input)
            self.assertEqual(args, self.cluster.runs[0].args, input)

    def test_failure(self):
        row, result = self.run_image(orchestrators.ImageOutcome(
            False, 'log', 2, 'exit code 3'))
        self.assertEqual(('failed', 'log'), (row.status, row.logs))
        self.assertEqual({'output': 'exit code 3', 'duration': 2}, result)

    def test_start_failure(self):
        for error in (exception.PermanentError('ErrImagePull'),
                      exception.TemporaryError('exceeded quota')):
            row, result = self.run_image(error)
            self.assertEqual('error', row.status)
            self.assertIn(str(error), result['output'])

    def test_idle_workers_give_way(self):
        outcome = orchestrators.ImageOutcome(True, 'done', 1)
        self.evictor.idle_workers = 2
        for room, status in ((0, 'success'), (-1, 'error')):
            self.cluster = Cluster(outcome)
            self.cluster.has_room = (
                lambda room=room: self.evictor.idle_workers == room)
            self.images = images.Images(self.conf, self.cluster,
                                        self.evictor)
            _, row = self.run_execution()
            self.assertEqual(status, row.status)
            self.conf.set_override('queue_timeout', 1, group='engine')

    def test_orchestrator_without_images(self):
        self.cluster = base.Orchestrator()
        self.images = images.Images(self.conf, self.cluster, self.evictor)
        _, row = self.run_execution()
        self.assertEqual('error', row.status)
        self.assertIn('runs no images', row.result)

    def test_cancel(self):
        self.cluster = Cluster(None)
        self.images = images.Images(self.conf, self.cluster, self.evictor)
        self.runner = self.create_runner()
        id = self.add_execution(sync=True, owner='me')
        thread = threading.Thread(target=self.runner.run, args=(
            base.message(id, True, 'me'),
            self.target))
        thread.start()
        self.assertTrue(self.cluster.started.wait(base.PATIENCE))
        self.db.write(lambda tx: crud.change_status(
            tx, models.Execution, id, 'cancelled', owner=None))
        self.runner.cancel(id)
        thread.join(base.PATIENCE)
        self.assertTrue(self.cluster.ended.is_set())
        self.assertEqual('cancelled', self.execution(id).status)
