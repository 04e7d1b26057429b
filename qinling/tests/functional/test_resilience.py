# SPDX-License-Identifier: Apache-2.0
"""Tests of a cloud deployment under load, with killed parts."""

import contextlib
import os
import signal
import threading

from oslotest import base

from qinling.tests.contracts import relays
from qinling.tests.functional import base as servers
from qinling.tests.functional import daemons
from qinling.tests.functional import loads
from qinling.tests import virtual_hosts

#: Short, so that what a dead engine held is found soon; a slow machine may
#: let the leases of living ones end, too.
ENGINE = {'lease': 6, 'sweep_interval': 1, 'queue_timeout': 15,
          'max_attempts': 10}
#: Where no engine dies, none must be thought dead.
LASTING = dict(ENGINE, lease=20)


class Chaos(base.BaseTestCase):
    """Base of tests that kill a part amid many executions.

    :cvar total: number of executions; a third precedes and a third follows
        the fault.
    """

    total = 400

    def deploy(self, engine=ENGINE, sync=None, **parts):
        """Deploy two APIs and two engines, and run a function."""
        self.cloud = self.useFixture(servers.Cloud(
            engines=2, apis=2, engine=engine,
            oslo_messaging_rabbit={'rabbit_quorum_queue': True}, **parts))
        self.clients = [self.cloud.client_of(api)
                        for api in self.cloud.apis]
        self.function = self.cloud.client.create(
            loads.FUNCTION, timeout=30)['id']
        return loads.Load(lambda: self.clients, self.function, self.total,
                          sync=sync)

    def check_load(self, load):
        rows = loads.wait_for_executions(self.clients[0])
        loads.check_results(self, load, rows)
        self.assertEqual(self.total, len(load.accepted))
        return rows

    def check_single_attempts(self, rows):
        """Check that no execution started twice, since no engine has died."""
        self.assertEqual([], [row for row in rows if row['attempt'] > 1])


class TestOwnDaemons(Chaos):
    total = 1000

    def test_engine(self):
        load = self.deploy()
        victim = self.cloud.engines[0]
        with load:
            load.wait_for_accepted(self.total // 3)
            servers.wait_for(lambda: self.cloud.owned_by(victim), 'work')
            victim.kill()
            load.wait_for_accepted(self.total * 2 // 3)
            victim.start()
        self.check_load(load)

    def test_api(self):
        load = self.deploy(LASTING)
        with load:
            load.wait_for_accepted(self.total // 3)
            self.cloud.apis[0].kill()
            load.wait_for_accepted(self.total * 2 // 3)
            self.cloud.apis[0].start()
            self.clients[0] = self.cloud.client_of(self.cloud.apis[0])
        self.check_single_attempts(self.check_load(load))

    def test_frozen_engine(self):
        load = self.deploy(sync=True)
        victim = self.cloud.engines[0]
        with load:
            load.wait_for_accepted(self.total // 3)
            os.kill(victim.process.pid, signal.SIGSTOP)
            try:
                load.wait_for_accepted(self.total * 2 // 3)
            finally:
                os.kill(victim.process.pid, signal.SIGCONT)
        rows = self.check_load(load)
        self.assertEqual({}, load.rejections)
        # Others run what the engine has not started.
        errors = [row for row in rows if row['status'] == 'error']
        self.assertLessEqual(len(errors), load.threads, errors)
        self.assertLessEqual({row['reason'] for row in errors},
                             {'engine_lost'})


class Servers(Chaos):
    """Tests of killed and restarted servers below the service."""

    def outage(self, server, **parts):
        load = self.deploy(LASTING, **parts)
        with load:
            load.wait_for_accepted(self.total // 3)
            server.kill()
            # Synchronous executions wait for the database, perhaps all.
            servers.wait_for(lambda: load.rejections[503] or 503 in [
                client.call('GET', '/v1/functions?limit=1')[0]
                for client in self.clients], 'a refusal')
            server.start()
            load.wait_for_accepted(self.total * 2 // 3)
        rows = self.check_load(load)
        self.assertLess(load.slowest, 80)
        self.check_single_attempts(rows)
        # Every accepted execution has its result.
        self.assertEqual({'success'}, {
            row['status'] for row in rows if row['id'] in load.accepted})
        # The service recovers without help.
        for client in self.clients:
            for sync in (True, False):
                row = client.run(self.function, {
                    'number': 7, 'seconds': 0}, sync=sync)
                self.assertEqual('success', client.wait_for_end(row['id'])[
                    'status'])


class TestRabbit(Servers):
    def test_killed(self):
        server = self.useFixture(daemons.Rabbit())
        self.outage(server, bus=server.bus, direct={'enabled': False})

    def test_direct_connections_go_on(self):
        server = self.useFixture(daemons.Rabbit())
        load = self.deploy(LASTING, bus=server.bus)
        with load:
            load.wait_for_accepted(self.total // 3)
            server.kill()
            load.wait_for_accepted(self.total * 2 // 3)
            server.start()
        self.check_single_attempts(self.check_load(load))
        self.assertEqual({}, load.rejections)


class TestMaria(Servers):
    def test_killed(self):
        server = self.useFixture(daemons.Mariadb())
        self.outage(server, database=server)


class TestPostgres(Servers):
    def test_killed(self):
        server = self.useFixture(daemons.Postgres())
        self.outage(server, database=server)


class TestRestart(base.BaseTestCase):
    """Tests of daemons, stopped as by an operator."""

    def test_daemons_start_before_their_database(self):
        server = self.useFixture(daemons.Postgres())
        cloud = servers.Cloud(database=server)
        cloud.config['database'] = {'retry_interval': 1}
        self.useFixture(cloud)
        programs = [*cloud.engines, *cloud.apis]
        for program in programs:
            program.stop()
        server.kill()
        for program in programs:
            program.start()
        for program in programs:
            servers.wait_for(lambda: 'Waiting for the database' in
                             program.log.read_text(), 'a try')
        server.start()
        client = cloud.client_of(cloud.api)
        row = client.run(client.create(loads.FUNCTION)['id'],
                         {'number': 1, 'seconds': 0})
        self.assertEqual('success', row['status'])

    def test_without_a_bus(self):
        url = self.useFixture(virtual_hosts.VirtualHost()).url
        relay = self.useFixture(relays.Relay(5672))
        cloud = self.useFixture(servers.Cloud(
            bus=url.replace(':5672', f':{relay.port}'), engine=ENGINE,
            direct={'enabled': False}))
        function = cloud.client.create(loads.FUNCTION)['id']
        relay.stop()
        order = {'number': 1, 'seconds': 0}
        status, fault = cloud.client.call('POST', '/v1/executions', {
            'function_id': function, 'input': order})
        self.assertEqual(503, status, fault)
        row = cloud.client.run(function, order, sync=False)
        # They end, and begin, and do what they can do.
        engine = cloud.engines[0]
        for _ in range(2):
            for daemon in (engine, cloud.api):
                self.assertEqual(0, daemon.stop())
                daemon.start()
            # Who is still being loaded would not end as it should.
            client = cloud.client_of(cloud.api)
            servers.wait_for(
                lambda: f':{engine.process.pid}:' in engine.log.read_text(),
                'the engine')
        self.assertEqual('success', client.wait_for_end(row['id'])['status'])
        relay.start()
        servers.wait_for(lambda: cloud.listening(engine), 'the engine')

    def test_rolling(self):
        cloud = self.useFixture(servers.Cloud(engines=2, apis=2))
        clients = {api: cloud.client_of(api) for api in cloud.apis}
        function = cloud.client.create(loads.FUNCTION)['id']
        stop = threading.Event()
        load = loads.Load(lambda: list(clients.values()), function,
                          10 ** 6, threads=6, sync=True)
        load.stop_at(stop)
        with load, contextlib.ExitStack() as stack:
            stack.callback(stop.set)
            load.wait_for_accepted(50)
            for daemon in (*cloud.apis, *cloud.engines):
                self.assertEqual(0, daemon.stop())
                daemon.start()
                if daemon in clients:
                    clients[daemon] = cloud.client_of(daemon)
                else:
                    servers.wait_for(lambda: cloud.listening(daemon),
                                     'an engine')
                load.wait_for_accepted(len(load.accepted) + 50)
        self.assertEqual([], load.faults)
        self.assertLessEqual(set(load.rejections), {'ConnectionRefusedError'},
                             load.sentences)
        for _, row in load.accepted.values():
            self.assertEqual('success', row['status'], row)
