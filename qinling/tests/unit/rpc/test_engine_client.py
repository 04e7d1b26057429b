# SPDX-License-Identifier: Apache-2.0
"""Engine, client, endpoint and fake have equal methods."""

import inspect
from unittest import mock

from oslotest import base

from qinling.core.execution import records

from qinling.engine import endpoint
from qinling.engine import service
from qinling.rpc import bus
from qinling.rpc import direct
from qinling.tests import fixtures
from qinling.tests.unit.engine import base as engine_base

#: Methods of the engine without RPC: life cycle and local queries.
LOCAL_METHODS = {'start_service', 'stop_service', 'collect_metrics',
                 'run_queued', 'local_ids', 'count_free_bytes'}


def list_methods(kind):
    """Return name -> parameters of the public methods of a class."""
    return {
        name: [(parameter.name, parameter.default, parameter.kind)
               for parameter in inspect.signature(method).parameters.values()]
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if name[0] != '_'}


class TestMethods(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.engine = {name: parameters for name, parameters in list_methods(
            service.Engine).items() if name not in LOCAL_METHODS}

    def test_clients_have_the_methods_of_the_engine(self):
        for client, further in (
                (bus.EngineClient, ()),
                (direct.EngineClient, ('call',))):
            methods = list_methods(client)
            for name in ('close', *further):
                methods.pop(name, None)
            self.assertEqual(self.engine, methods)

    def test_fake_has_the_methods_of_the_engine(self):
        helpers = {'verbs', 'has_room'}
        methods = list_methods(fixtures.FakeEngine)
        self.assertEqual(self.engine, {
            name: methods[name] for name in methods.keys() - helpers})

    def test_endpoint_has_the_methods_of_the_engine(self):
        methods = list_methods(endpoint.Endpoint)
        # For circuit breakers, and for clients of earlier releases.
        del methods['has_workers']
        # For clients in other processes of the same program.
        del methods['run_message'], methods['start_if_room']
        self.assertEqual(set(self.engine), set(methods))
        for name, parameters in methods.items():
            self.assertEqual(['self', '_ctx'] + [parameter[0] for parameter
                                                 in self.engine[name][1:]],
                             [parameter[0] for parameter in parameters])

    def test_attributes(self):
        for kind in (service.Engine, bus.EngineClient, direct.EngineClient,
                     fixtures.FakeEngine):
            self.assertTrue(hasattr(kind, 'writes_rows'), kind)
        client = bus.EngineClient.__new__(bus.EngineClient)
        self.assertIsNone(client.owner)
        self.assertIsNone(fixtures.FakeEngine.owner)

    def test_fake_returns_prepared_answers(self):
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
             ('detach', 'f', 1), ('ensure_runtime', 'r')], engine.calls)


class TestTimeouts(base.BaseTestCase):
    def test_a_call_lasts_as_long_as_an_execution_may(self):
        conf = self.useFixture(fixtures.Conf()).conf
        conf.set_override('import_timeout', 1000, group='engine')
        client = bus.EngineClient.__new__(bus.EngineClient)
        client._conf, client._router = conf, None
        target = engine_base.target()
        with mock.patch.object(client, '_call', return_value=None) as call:
            client.run(records.ExecutionMessage('e', None, True, None), target)
        self.assertGreater(call.call_args.args[1], (
            1000 + target.timeout + conf.engine.queue_timeout))
