# SPDX-License-Identifier: Apache-2.0
"""Record of deliveries on every database."""

import datetime

import fixtures as python_fixtures
from oslotest import base

from qinling.client import signatures
from qinling.core import secrets
from qinling.core import services
from qinling.core.trigger import delivery_log
from qinling.core.trigger import delivery_records
from qinling.core.trigger import delivery_retention
from qinling.core.trigger import payloads
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests.contracts import database
from qinling.tests import fixtures

SECRET = 'a secret of a sender'
#: Deliveries of each of two hosts at the same time.
MANY = 4
_MODEL = models.Delivery


class Deliveries:
    """Tests on the database ``backend``."""

    def setUp(self):
        super().setUp()
        # Only ``close`` ends a window.
        self.useFixture(python_fixtures.MonkeyPatch(
            'qinling.core.trigger.delivery_log.WINDOW_SECONDS', 3600))
        self.core = self.useFixture(fixtures.Core(
            self.backend, secrets={'encryption_keys': [secrets.new_key()]},
            webhooks={'max_deliveries': 5, 'max_refused_deliveries': 3,
                      'max_delivery_bytes': 100000}))
        self.ctx = fixtures.caller()
        self.function = self.core.function(self.ctx).id
        # The second host shares only the database.
        self.second = services.create_services(
            self.core.conf, self.core.database.open(), self.core.engine,
            self.core.backends)
        self.addCleanup(self.second.close)

    def webhook(self, **values):
        return self.core.services.webhooks.create(self.ctx, {
            'function_id': self.function, **values})[0].id

    def send(self, id, body=b'', host=None, headers=(), **values):
        deliveries = (host or self.core.services).deliveries
        delivery = payloads.Delivery(
            'POST', {name.lower(): value for name, value in headers}, '',
            lambda: body, pairs=list(headers), **values)
        row, _ = deliveries.accept(deliveries.get_webhook(id), delivery)
        return row, delivery

    def list(self, id, **filters):
        for host in (self.core.services, self.second):
            host.close()
        return self.core.services.delivery_records.list_of(
            self.ctx, id, filters.items(), crud.Page())

    def test_each_execution_has_a_delivery(self):
        id = self.webhook()
        rows = database.run_together(*[
            lambda host=host: self.send(id, b'x', host)[0]
            for host in (self.core.services, self.second)
            for _ in range(MANY)])
        deliveries = self.list(id)
        self.assertEqual({row.id for row in rows},
                         {row.execution_id for row in deliveries})
        self.assertEqual({('accepted', 202)}, {
            (row.status, row.status_code) for row in deliveries})
        states = self.core.services.delivery_records.read_executions(
            deliveries)
        self.assertEqual({'running'},
                         {row.status for row in states.values()})

    def test_repeats(self):
        id = self.webhook()
        rows = database.run_together(*[
            lambda host=host: self.send(
                id, b'x', host, [('Idempotency-Key', 'k')])[0]
            for host in (self.core.services, self.second)
            for _ in range(MANY)])
        self.assertEqual(1, len({row.id for row in rows}))
        self.assertEqual(1, len(self.list(id, status='accepted')))
        self.assertEqual({rows[0].id}, {
            row.execution_id for row in self.list(id, status='repeated')})

    def test_refused_by_a_quota(self):
        self.core.services.quotas.update(
            self.ctx.project_id, {'concurrent_executions': 0})
        id = self.webhook()
        self.assertRaises(exception.QuotaExceeded, self.send, id, b'x')
        row, = self.list(id)
        self.assertEqual(('refused', 403, None, 'unsigned'), (
            row.status, row.status_code, row.execution_id, row.signature))

    def test_withdrawn(self):
        self.core.engine.answers['run'] = exception.Unavailable(reason='x')
        id = self.webhook(sync=True)
        self.assertRaises(exception.Unavailable, self.send, id)
        row, = self.list(id)
        self.assertEqual(('refused', 503), (row.status, row.status_code))
        self.assertEqual(0, self.core.row(
            models.Function, self.function).count)

    def test_synchronous_answers(self):
        id = self.webhook(sync=True)
        _, delivery = self.send(id)
        row, = self.core.services.delivery_records.list_of(
            self.ctx, id, (), crud.Page())
        self.assertIsNone(row.status_code)
        self.core.services.deliveries.record_answer(delivery, 201)
        row, = self.list(id)
        self.assertEqual(201, row.status_code)

    def test_bytes(self):
        id = self.webhook()
        headers = [('X-Any', '\\\' "\xe9%'), ('x-any', '2'), ('X-A', '')]
        for body in (bytes(range(256)) * 300, b'', b'\0', '😀'.encode()):
            execution, _ = self.send(id, body, headers=headers,
                                     path='/😀', source_address='::1')
            row, = self.list(id, execution_id=execution.id)
            self.assertEqual(
                ('/😀', '::1', len(body), True, None),
                (row.path, row.source_address, row.size, row.has_body,
                 row.body))
            self.assertEqual(headers, [tuple(pair) for pair in row.headers])
            records = self.core.services.delivery_records
            self.assertEqual(body, records.read_body(self.ctx, id, row.id))
            replay = records.replay(self.ctx, id, row.id,
                                    delivery_records.ReplayTarget())
            self.assertEqual(body, records.read_body(
                self.ctx, id, replay.id))

    def test_age(self):
        id = self.webhook()
        for _ in range(3):
            self.send(id)
        old = models.now() - datetime.timedelta(hours=1)
        self.assertEqual([0, 2, 1, 0], [
            delivery_retention.purge(self.core.db, before, 2)
            for before in (old, *[models.now()] * 3)])

    def trim(self):
        trimmer = delivery_retention.Trimmer(self.core.conf, self.core.db)
        while trimmer.trim(2) == 2:
            continue
        return trimmer

    def test_numbers(self):
        first, second = self.webhook(), self.webhook(
            signature='github', secret=SECRET)
        for _ in range(9):
            self.send(first)
            self.core.db.write(lambda tx: crud.insert(
                tx, _MODEL, project_id='default', webhook_id=second,
                status='refused', signature='invalid', method='POST', path='',
                query='', headers=[], size=1, has_body=False))
        newest = [row.id for row in self.list(first)][-5:]
        trimmer = self.trim()
        self.assertEqual(newest, [row.id for row in self.list(first)])
        self.assertEqual(3, len(self.list(second)))
        self.assertEqual(0, trimmer.trim(2))
        for _ in range(3):
            self.send(first)
        while trimmer.trim(100):
            continue
        self.assertEqual(5, len(self.list(first)))

    def test_sizes(self):
        id = self.webhook()
        for _ in range(3):
            self.send(id, b'x' * 40000)
        self.trim()
        self.assertEqual(2, len(self.list(id)))

    def test_rejections_of_a_flood(self):
        id = self.webhook(signature='github', secret=SECRET)
        for _ in range(3 * delivery_log.MAX_WEBHOOK_ROWS):
            self.assertRaises(exception.SignatureRefused, self.send, id,
                              b'x' * 60000)
        rows = self.list(id)
        self.assertEqual(delivery_log.MAX_WEBHOOK_ROWS, len(rows))
        size = sum(row.size for row in rows if row.has_body)
        self.assertLessEqual(size, delivery_log.MAX_WINDOW_BYTES)
        self.assertGreater(size, 0)

    def test_deleted_webhook(self):
        id = self.webhook(signature='github', secret=SECRET)
        request = signatures.sign('github', SECRET,
                                  signatures.Request(b'x'))
        self.send(id, b'x', headers=request.headers.items())
        self.assertRaises(exception.SignatureRefused, self.send, id)
        self.core.services.webhooks.delete(self.ctx, id)
        self.core.services.close()
        self.assertEqual(0, self.core.db.read(
            lambda tx: crud.count(tx, _MODEL)))


class TestSqlite(Deliveries, base.BaseTestCase):
    backend = 'sqlite'


class TestMariadb(Deliveries, base.BaseTestCase):
    backend = 'mariadb'


class TestPostgresql(Deliveries, base.BaseTestCase):
    backend = 'postgresql'
