# SPDX-License-Identifier: Apache-2.0
"""An engine that other processes reach over a Unix socket."""

import dataclasses
import datetime
import os
import socket
import threading

import fixtures as testtools_fixtures
from oslotest import base

from qinling import context
from qinling.core import engine_client
from qinling.core.execution import flow_records
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.db import models
from qinling.engine import endpoint
from qinling import exception
from qinling.rpc import channel
from qinling.rpc import direct
from qinling.rpc import direct_server
from qinling.rpc import roads
from qinling.tests import databases
from qinling.tests import fixtures
from qinling.tests.unit.engine import base as engine_base

TIME = datetime.datetime(2026, 1, 1, 12, 30, 15, 250000)
ENDED = outcomes.Ended('success', '{"output": "\u00e9"}', None, TIME, TIME,
                       1.5, 0, 9)
TRACE = context.TraceContext('req-1', None, '00-1-2-01')


def new_execution(**fields):
    """Return an execution that has no row."""
    return records.NewExecution(records.ExecutionRow(
        id='e', project_id='p', function_id='f', function_version=0,
        function_alias=None, created_at=TIME, lease_until=TIME, input='{}',
        owner='engine', attempt=1, secrets={'a': 1}, **fields),
        engine_base.target(), TRACE)


class TestDirect(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.engine = fixtures.FakeEngine()
        self.path = f'{self.create_tempfiles([("x", "")])[0]}.sock'
        self.client = direct.EngineClient(self.path)
        self.addCleanup(self.client.close)

    def serve(self, owner='engine', threads=4):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen()
        server = direct_server.Server(
            listener, endpoint.Endpoint(self.engine, threads), owner)
        server.start()
        self.addCleanup(server.stop)
        return server

    def test_an_execution_without_a_row_arrives_whole(self):
        self.serve()
        self.engine.answers['run'] = ENDED
        new = new_execution(scheduled_at=TIME)
        self.assertEqual(ENDED, self.client.run(
            new.message(is_written=False), new.target))
        _, message, target = self.engine.calls[0]
        self.assertEqual(new, message.unwritten)
        self.assertEqual(dataclasses.replace(
            new.message(False), write_first=True), message)
        self.assertEqual(new.target, target)

    def test_an_execution_with_a_flow_control_arrives_whole(self):
        self.serve()
        target = engine_base.target(
            flow_control={'concurrency': 1}, flow_scope='alias')
        new = dataclasses.replace(
            new_execution(flow_key='a'), target=target,
            flow=flow_records.create(target, TIME))
        self.client.run(new.message(is_written=False), target)
        _, message, _ = self.engine.calls[0]
        self.assertEqual(new, message.unwritten)
        self.assertTrue(message.write_first)
        self.assertTrue(message.is_controlled)

    def test_an_execution_with_a_row_arrives_whole(self):
        self.serve()
        self.engine.answers['run'] = None
        message = dataclasses.replace(
            new_execution().message(), is_replay=True)
        self.assertIsNone(self.client.run(
            message, engine_base.target(offline=True)))
        _, received, target = self.engine.calls[0]
        self.assertEqual(message, received)
        self.assertTrue(target.offline)

    def test_equal_targets_are_decoded_once(self):
        self.serve()
        message = new_execution().message()
        for _ in range(2):
            self.client.run(message, engine_base.target())
        self.assertIs(self.engine.calls[0][2], self.engine.calls[1][2])

    def test_every_verb_arrives(self):
        self.serve()
        target = engine_base.target()
        self.engine.answers.update(
            pool_capacity={'total': 2, 'available': 1},
            list_workers=['a', 'b', 'c'], is_alive=True)
        self.assertEqual({'total': 2, 'available': 1},
                         self.client.pool_capacity('r'))
        self.assertEqual(['a', 'b', 'c'], self.client.list_workers('f', 1))
        self.assertTrue(self.client.is_alive('engine'))
        message = new_execution().message()
        self.client.start(message, target)
        self.client.cancel('e')
        self.client.ensure_runtime('r')
        self.client.delete_runtime('r')
        self.client.scale_up(target, 2)
        self.client.scale_down(target, 2)
        self.client.install(target)
        self.client.detach('f', None)
        self.assertEqual([
            'pool_capacity', 'list_workers', 'is_alive', 'start', 'cancel',
            'ensure_runtime', 'delete_runtime', 'scale_up', 'list_workers',
            'scale_down', 'install', 'detach'], self.engine.verbs())
        self.assertIn(('scale_down', target, 2), self.engine.calls)

    def test_errors_arrive_as_they_are(self):
        self.serve()
        message = new_execution().message()
        for error in (
                exception.Unavailable(reason='it is full.'),
                exception.FunctionNotFound(id='f'),
                exception.TooManyExecutions(what='f', limit=2,
                                            retry_after=7)):
            self.engine.answers['run'] = error
            caught = self.assertRaises(type(error), self.client.run, message,
                                       engine_base.target())
            self.assertEqual(str(error), str(caught))
            self.assertEqual(error.fields, caught.fields)

    def test_unexpected_errors_are_unavailable(self):
        self.serve()
        self.engine.answers['run'] = KeyError('secret')
        caught = self.assertRaises(
            exception.Unavailable, self.client.run,
            new_execution().message(), engine_base.target())
        self.assertIn('KeyError', str(caught))
        self.assertNotIn('secret', str(caught))

    def test_a_restarted_engine_is_reached_again(self):
        server = self.serve('first')
        self.assertEqual('first', self.client.owner)
        self.assertEqual([], self.client.list_workers('f', 0))
        server.stop()
        self.assertRaises(exception.Unavailable, self.client.list_workers,
                          'f', 0)
        os.unlink(self.path)
        self.serve('second')
        self.assertEqual([], self.client.list_workers('f', 0))
        self.assertEqual('second', self.client.owner)

    def test_an_engine_may_die_with_an_execution(self):
        server = self.serve()

        def die(*_):
            for connection in list(server._connections):
                connection.shutdown(socket.SHUT_RDWR)
        self.engine.answers['run'] = die
        self.assertRaises(
            engine_client.EngineLost, self.client.run,
            new_execution().message(), engine_base.target())

    def test_an_engine_that_dies_before_the_start_is_unavailable(self):
        listener = self.listen()

        def greet_and_die():
            connection = listener.accept()[0]
            connection.sendall(b'engine\n')
            connection.recv(100000)
            connection.close()
        thread = threading.Thread(target=greet_and_die)
        thread.start()
        self.assertRaises(exception.Unavailable, self.client.run,
                          new_execution().message(), engine_base.target())
        thread.join()

    def test_a_slow_engine_is_waited_for(self):
        self.patch_silence(0.05)
        self.serve()
        proceed = threading.Event()

        def run(*_):
            proceed.wait(databases.PATIENCE)
            return ENDED
        self.engine.answers['run'] = run
        results = []
        message = new_execution().message()
        # The client asks at each silence whether the engine accepts.
        probes = []
        road_open = roads.UnixRoad.open
        self.useFixture(testtools_fixtures.MockPatchObject(
            roads.UnixRoad, 'open',
            lambda road: probes.append(1) or road_open(road)))
        thread = threading.Thread(target=lambda: results.append(
            self.client.run(message, engine_base.target())))
        thread.start()
        databases.wait_until(lambda: len(probes) > 2)
        proceed.set()
        thread.join(databases.PATIENCE)
        self.assertEqual([ENDED], results)

    def test_a_frozen_engine_is_lost(self):
        self.patch_silence(0.05)
        self.useFixture(testtools_fixtures.MockPatchObject(
            roads, 'OPEN_SECONDS', 0.05))
        listener = self.listen()
        self.assertRaises(exception.Unavailable, self.client.run,
                          new_execution().message(), engine_base.target())
        self.assertFalse(self.client.is_alive('engine'))
        # Frozen after the greeting, the engine may start later.
        accepted = []

        def greet():
            while True:
                try:
                    accepted.append(listener.accept()[0])
                except OSError:
                    return
                if len(accepted) == 1:
                    accepted[0].sendall(b'engine\n')
        databases.wait_until(lambda: listener.accept()[0].close() or True)
        databases.wait_until(lambda: listener.accept()[0].close() or True)
        thread = threading.Thread(target=greet)
        thread.start()
        self.assertRaises(engine_client.EngineLost, self.client.run,
                          new_execution().message(), engine_base.target())
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in accepted:
            connection.close()

    def listen(self):
        """Return a socket in place of an engine."""
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(self.path)
        listener.listen()
        return listener

    def patch_silence(self, seconds):
        self.useFixture(testtools_fixtures.MockPatchObject(
            channel, 'SILENCE_SECONDS', seconds))

    def test_old_executions_are_written_first(self):
        self.serve()
        self.engine.answers['run'] = ENDED
        for seconds, is_old in ((0, False), (-5, True), (5, True)):
            new = new_execution()
            new.row.created_at = models.now() + datetime.timedelta(
                seconds=seconds)
            self.client.run(new.message(False), new.target)
            self.assertEqual(is_old, self.engine.calls[-1][1].write_first)

    def test_a_leaving_engine_finishes_and_refuses(self):
        server = self.serve()
        self.client.connect()  # will be idle
        arrived, proceed = threading.Event(), threading.Event()

        def run(*_):
            arrived.set()
            proceed.wait(databases.PATIENCE)
            return ENDED
        self.engine.answers['run'] = run
        results = []
        busy = direct.EngineClient(self.path)
        self.addCleanup(busy.close)
        new = new_execution()
        thread = threading.Thread(target=lambda: results.append(
            busy.run(new.message(False), new.target)))
        thread.start()
        self.assertTrue(arrived.wait(databases.PATIENCE))
        leaving = threading.Thread(target=server.leave,
                                   args=(databases.PATIENCE,))
        leaving.start()
        databases.wait_until(lambda: server._is_leaving)
        # The function does not start, and the client knows.
        self.assertRaises(exception.Unavailable, self.client.run,
                          new.message(False), new.target)
        proceed.set()
        thread.join(databases.PATIENCE)
        leaving.join(databases.PATIENCE)
        self.assertEqual([ENDED], results)
        self.assertEqual(1, len(self.engine.calls))
        self.assertEqual({}, server._connections)

    def test_more_executions_than_threads_are_refused(self):
        self.serve(threads=1)
        proceed, arrived = threading.Event(), threading.Semaphore(0)

        def run(*_):
            arrived.release()
            proceed.wait(databases.PATIENCE)
        self.engine.answers['run'] = run
        message, target = new_execution().message(), engine_base.target()
        thread = threading.Thread(
            target=self.client.run, args=(message, target))
        thread.start()
        self.assertTrue(arrived.acquire(timeout=databases.PATIENCE))
        self.assertRaises(exception.Unavailable, self.client.run, message,
                          target)
        proceed.set()
        thread.join()

    def test_the_server_waits_for_its_clients(self):
        server = self.serve()
        self.client.connect()
        # The server counts the client after the greeting.
        databases.wait_until(lambda: server._connections)
        thread = threading.Thread(
            target=server.wait_for_clients, args=(databases.PATIENCE,))
        thread.start()
        self.assertTrue(thread.is_alive())
        self.client.close()
        thread.join(databases.PATIENCE / 2)
        self.assertFalse(thread.is_alive())
