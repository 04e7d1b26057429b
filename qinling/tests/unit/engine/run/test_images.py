# SPDX-License-Identifier: Apache-2.0
"""Executions of functions that are images."""

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
    """Runs images; ``found`` is what comes of it."""

    def __init__(self, found):
        self.found = found
        self.orders = []
        self.begun, self.ended = threading.Event(), threading.Event()

    def cancel_image(self, execution_id):
        if execution_id == self.orders[0].execution_id:
            self.ended.set()

    def run_image(self, order):
        self.orders.append(order)
        if self.found is None:
            self.begun.set()
            if not self.ended.wait(base.PATIENCE):
                raise AssertionError('It was never cancelled.')
            raise exception.TemporaryError('its pod was deleted')
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


class TestImages(test_runner.RunnerTest):
    """Executions of images need no worker."""

    target = base.target(code={'source': 'image', 'image': 'i'},
                         runtime_id=None, package=None, entry=None)

    def run_image(self, found, input=None):
        self.cluster = Cluster(found)
        self.images = images.Images(self.conf, self.cluster)
        _, row = self.run_one(input=input)
        return row, json.loads(row.result)

    def test_success(self):
        row, result = self.run_image(orchestrators.ImageOutcome(
            True, 'words\0\n', 1.5), 'a  b\nc')
        self.assertEqual(('success', 'words\ufffd\n'),
                         (row.status, row.logs))
        self.assertEqual({'output': 'words\ufffd\n', 'duration': 1.5},
                         result)
        order, = self.cluster.orders
        self.assertEqual((('a', 'b', 'c'), 'i', row.id, 5),
                         (order.args, order.image, order.execution_id,
                          order.timeout))

    def test_input(self):
        done = orchestrators.ImageOutcome(True, '', 0)
        for input, args in (
                (None, ()), ('', ()), ('6', ('6',)),
                ('{"a": 1}', ('{"a": 1}',)),
                ('{"__function_input": "x y", "b": 2}',
                 ('x', 'y', '{"b": 2}')),
                ('{"__function_input": [1]}', ('[1]',))):
            self.run_image(done, input)
            self.assertEqual(args, self.cluster.orders[0].args, input)

    def test_failure(self):
        row, result = self.run_image(orchestrators.ImageOutcome(
            False, 'log', 2, 'exit code 3'))
        self.assertEqual(('failed', 'log'), (row.status, row.logs))
        self.assertEqual({'output': 'exit code 3', 'duration': 2}, result)

    def test_not_begun(self):
        for error in (exception.PermanentError('ErrImagePull'),
                      exception.TemporaryError('exceeded quota')):
            row, result = self.run_image(error)
            self.assertEqual('error', row.status)
            self.assertIn(str(error), result['output'])

    def test_orchestrator_without_images(self):
        self.cluster = base.Orchestrator()
        self.images = images.Images(self.conf, self.cluster)
        _, row = self.run_one()
        self.assertEqual('error', row.status)
        self.assertIn('runs no images', row.result)

    def test_cancelled(self):
        self.cluster = Cluster(None)
        self.images = images.Images(self.conf, self.cluster)
        self.runner = self.make()
        id = self.add_execution(sync=True, owner='me')
        thread = threading.Thread(target=self.runner.run, args=(
            base.message(id, True, 'me'),
            self.target))
        thread.start()
        self.assertTrue(self.cluster.begun.wait(base.PATIENCE))
        self.db.write(lambda tx: crud.change_status(
            tx, models.Execution, id, 'cancelled', owner=None))
        self.runner.cancel(id)
        thread.join(base.PATIENCE)
        self.assertTrue(self.cluster.ended.is_set())
        self.assertEqual('cancelled', self.execution(id).status)
