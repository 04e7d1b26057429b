# SPDX-License-Identifier: Apache-2.0
"""The three that have the engine's verbs cannot drift apart."""

import inspect

from oslotest import base

from qinling.engine import endpoint
from qinling.engine import service
from qinling import rpc
from qinling.tests import fixtures

#: Methods of the engine that are no verbs: life cycle, and local queries.
LOCAL_METHODS = {'start_service', 'stop_service', 'collect_metrics',
                 'run_queued', 'local_ids'}


def verbs(kind):
    """name -> parameters of the public methods of a class."""
    return {name: [(each.name, each.default, each.kind)
                   for each in inspect.signature(method).parameters.values()]
            for name, method in inspect.getmembers(
                kind, inspect.isfunction) if name[0] != '_'}


class TestVerbs(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.engine = {name: found for name, found in verbs(
            service.Engine).items() if name not in LOCAL_METHODS}

    def test_the_client_has_the_verbs_of_the_engine(self):
        self.assertEqual(self.engine, verbs(rpc.EngineClient))

    def test_the_fake_has_them(self):
        own = {'verbs'}
        self.assertEqual(self.engine, {
            name: found for name, found in verbs(fixtures.FakeEngine).items()
            if name not in own})

    def test_the_endpoint_has_them(self):
        found = verbs(endpoint.Endpoint)
        self.assertEqual(set(self.engine), set(found))
        for name, parameters in found.items():
            self.assertEqual(
                ['self', '_ctx'] + [each[0] for each in self.engine[name][1:]],
                [each[0] for each in parameters])

    def test_owner(self):
        for kind in (service.Engine, rpc.EngineClient, fixtures.FakeEngine):
            self.assertTrue(hasattr(kind, 'owner'), kind)
        client = rpc.EngineClient.__new__(rpc.EngineClient)
        self.assertIsNone(client.owner)
        self.assertIsNone(fixtures.FakeEngine.owner)

    def test_the_fake_does_what_it_is_told(self):
        engine = fixtures.FakeEngine()
        engine.answers.update(pool_capacity={'total': 1},
                              detach=ValueError('x'))
        engine.answers['list_workers'] = lambda *words: list(words)
        self.assertEqual({'total': 1}, engine.pool_capacity('r'))
        self.assertEqual(['f', 0], engine.list_workers('f', 0))
        self.assertRaises(ValueError, engine.detach, 'f', 1)
        self.assertIsNone(engine.ensure_runtime('r'))
        self.assertEqual(
            [('pool_capacity', 'r'), ('list_workers', 'f', 0),
             ('detach', 'f', 1), ('ensure_runtime', 'r', None)], engine.calls)
