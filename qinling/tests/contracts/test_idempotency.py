# SPDX-License-Identifier: Apache-2.0
"""Tests of simultaneous repeated requests at several hosts, on every database.
"""

import datetime
import threading

from oslotest import base

from qinling.core import idempotency
from qinling.core import services
from qinling.core.trigger import payloads
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests.contracts import database
from qinling.tests import databases
from qinling.tests import fixtures

ROUNDS = 6
#: Number of concurrent equal requests.
MANY = 4
_KEY = models.IdempotencyKey


class Repeats:
    """Tests of repeated requests on the database ``backend``."""

    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(self.backend))
        self.ctx = fixtures.caller()
        self.function = self.core.function().id
        # The other host shares only the database.
        self.other_host = services.create_services(
            self.core.conf, self.core.database.open(), self.core.engine,
            self.core.backends)
        self.hosts = (self.core.services, self.other_host)
        self.addCleanup(self.other_host.close)

    def run_on_all_hosts(self, action):
        """Return the results of an action, run on all hosts simultaneously."""
        return database.run_together(*[
            lambda host=host: action(host)
            for host in self.hosts for _ in range(MANY // 2)])

    def create(self, host, key, **values):
        once = idempotency.create_request(
            key, ('test',), (repr(values).encode(),))
        row = host.triggers.fire(
            self.ctx, fixtures.execution_request(self.function, **values),
            once)
        return row.id, once.repeated, row.status

    def count_executions(self):
        return self.core.row(models.Function, self.function).count

    def check(self, results):
        """Check that a single request ran, and all repeats got the result."""
        self.assertEqual(1, len({id for id, *_ in results}))
        self.assertEqual(1, [repeated for _, repeated, *_ in results].count(
            False))

    def test_executions(self):
        for number in range(ROUNDS):
            for sync in (True, False):
                results = self.run_on_all_hosts(lambda host: self.create(
                    host, f'{number} {sync}', sync=sync))
                self.check(results)
                self.assertEqual({'success' if sync else 'running'},
                                 {status for *_, status in results})
        self.assertEqual(2 * ROUNDS, self.count_executions())
        self.assertEqual((ROUNDS, ROUNDS), tuple(
            self.core.engine.verbs().count(verb)
            for verb in ('run', 'start')))

    def test_repeats_wait_for_the_first(self):
        """Wait for a slow first request."""
        go = threading.Event()

        def run(row, target):
            self.assertTrue(go.wait(databases.PATIENCE))
            return self.core.succeed(row, target)
        self.core.engine.answers['run'] = run
        polls = []
        for host in self.hosts:
            self.record_polls(host, polls)
        results = []
        thread = threading.Thread(target=lambda: results.extend(
            self.run_on_all_hosts(lambda host: self.create(host, 'key'))))
        thread.start()
        databases.wait_until(lambda: len(set(polls)) == MANY - 1)
        self.assertEqual([], results)
        go.set()
        thread.join(databases.PATIENCE)
        self.check(results)
        self.assertEqual({'success'}, {status for *_, status in results})
        self.assertEqual(1, self.count_executions())

    def record_polls(self, host, polls):
        """Record the threads that poll an execution."""
        get = host.executions.get

        def record_and_get(ctx, id):
            polls.append(threading.get_ident())
            return get(ctx, id)
        host.executions.get = record_and_get

    def test_different_requests_are_independent(self):
        """Accept different requests at the same time."""
        for number in range(ROUNDS):
            results = database.run_together(*[
                lambda host=host, place=place: self.create(
                    host, f'{number} {place}', sync=False)
                for place in range(MANY) for host in self.hosts])
            self.assertEqual(MANY, len({id for id, *_ in results}))
        self.assertEqual(ROUNDS * MANY, self.count_executions())

    def test_one_key_for_different_requests(self):
        for number in range(ROUNDS):
            def attempt(host, text):
                try:
                    return self.create(host, str(number), input=text,
                                       sync=False)
                except exception.IdempotencyKeyReused:
                    return None
            results = database.run_together(
                lambda: attempt(self.hosts[0], 'a'),
                lambda: attempt(self.hosts[1], 'b'))
            self.assertEqual(1, results.count(None), results)
        self.assertEqual(ROUNDS, self.count_executions())

    def test_deliveries(self):
        webhook = self.core.services.webhooks.create(
            self.ctx, {'function_id': self.function})[0]

        def deliver(host):
            row, repeated = host.deliveries.accept(
                webhook, payloads.Delivery(
                    'POST', {'webhook-id': str(number)}, '', lambda: b''))
            return row.id, repeated
        for number in range(ROUNDS):
            self.check(self.run_on_all_hosts(deliver))
        self.assertEqual(ROUNDS, self.count_executions())
        self.assertEqual(0, self.core.row(
            models.Webhook, webhook.id).refused)

    def test_expired_keys(self):
        for number in range(ROUNDS):
            self.create(self.hosts[0], 'key', sync=False)
            self.core.db.write(lambda tx: crud.update_all(tx, _KEY, {
                'created_at': models.now() - datetime.timedelta(hours=25)}))
            self.check(self.run_on_all_hosts(lambda host: self.create(
                host, 'key', sync=False)))
            self.core.db.write(lambda tx: crud.delete_all(tx, _KEY))
        self.assertEqual(2 * ROUNDS, self.count_executions())

    def test_concurrent_purge(self):
        old = [idempotency.create_request(str(number), ('old',))
               for number in range(50)]
        self.core.db.write(lambda tx: [
            idempotency.reserve(tx, once, 'id') for once in old])
        self.core.db.write(lambda tx: crud.update_all(tx, _KEY, {
            'created_at': models.now() - datetime.timedelta(hours=25)}))

        def purge():
            while idempotency.purge(self.core.db, 7):
                pass
        results = database.run_together(
            purge, purge,
            *[lambda host=host, place=place: self.create(
                host, str(place), sync=False)
              for place in range(MANY) for host in self.hosts])
        self.assertEqual(MANY, len({id for id, *_ in results[2:]}))
        purge()
        self.assertEqual(MANY, self.core.db.read(
            lambda tx: crud.count(tx, _KEY)))


class TestRepeatsOnSqlite(Repeats, base.BaseTestCase):
    backend = 'sqlite'


class TestRepeatsOnPostgresql(Repeats, base.BaseTestCase):
    backend = 'postgresql'


class TestRepeatsOnMariadb(Repeats, base.BaseTestCase):
    backend = 'mariadb'
