# SPDX-License-Identifier: Apache-2.0
"""Every quota rejects requests at its limit."""

import io

from oslotest import base

from qinling.core import quotas
from qinling.core.trigger import payloads
from qinling.db import models
from qinling import exception
from qinling.tests import fixtures


class QuotaTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.services = self.core.services
        self.ctx = fixtures.caller()
        self.function = self.core.function().id

    def set_limits(self, **limits):
        self.services.quotas.update(self.ctx.project_id, limits)

    def fire(self, **values):
        return self.services.triggers.fire(
            self.ctx, fixtures.execution_request(self.function, **values))

    def count_executions(self):
        return len(self.core.db.read(
            lambda tx: tx.exec_driver_sql('SELECT id FROM executions').all()))


class TestWalk(QuotaTest):
    def test_every_quota_at_zero(self):
        """Reject one request per quota, for every name of a quota."""
        requests = {
            'functions': self.core.function,
            'versions': lambda: self.services.versions.create(
                self.ctx, self.function, None),
            'storage_bytes': lambda: self.services.functions.update(
                self.ctx, self.function, {},
                io.BytesIO(fixtures.archive({'main.py': 'x = 1'}))),
            'jobs': lambda: self.services.jobs.create(self.ctx, {
                'function_id': self.function, 'pattern': '@daily'}),
            'webhooks': lambda: self.services.webhooks.create(
                self.ctx, {'function_id': self.function}),
            'event_sources': lambda: self.services.event_sources.create(
                self.ctx, {'kind': 'rabbitmq', 'function_id': self.function,
                           'settings': {'url': 'amqp://h', 'queue': 'q'}}),
            'concurrent_executions': self.fire,
        }
        self.assertEqual(set(quotas.RESOURCES), set(requests))
        for name, request in requests.items():
            self.set_limits(**{name: 0})
            error = self.assertRaises(
                (exception.QuotaExceeded, exception.StorageQuotaExceeded),
                request)
            self.assertIn(f'Quota exceeded for {name}: ', str(error))
            self.assertIn('Try again when an execution has ended, or ask'
                          if name == 'concurrent_executions'
                          else 'Delete some, or ask', str(error))
            self.assertEqual(413 if name == 'storage_bytes' else 403,
                             error.http_code)
            self.set_limits(**{name: -1})
            request()


class TestExecutions(QuotaTest):
    """Quota of running executions, for every trigger."""

    def test_default_limit(self):
        self.core.conf.set_override(
            'concurrent_executions', 0, group='quota')
        self.assertRaises(exception.QuotaExceeded, self.fire)
        self.set_limits(concurrent_executions=1)
        self.assertEqual('success', self.fire().status)

    def test_ended_executions_do_not_count(self):
        self.set_limits(concurrent_executions=1)
        for sync in (True, False):
            self.fire(sync=sync)
        self.assertRaises(exception.QuotaExceeded, self.fire)
        self.assertEqual(2, self.count_executions())

    def test_rejected_executions_leave_nothing(self):
        self.set_limits(concurrent_executions=0)
        self.assertRaises(exception.QuotaExceeded, self.fire)
        row = self.core.row(models.Function, self.function)
        self.assertEqual((0, 0, []), (
            self.count_executions(), row.count, self.core.engine.calls))

    def test_webhook(self):
        webhook = self.services.webhooks.create(
            self.ctx, {'function_id': self.function})[0]
        self.set_limits(concurrent_executions=0)
        self.assertRaises(
            exception.QuotaExceeded, self.services.deliveries.accept,
            webhook, payloads.Delivery('POST', {}, '', bytes))

    def test_rerun(self):
        id = self.fire().id
        self.set_limits(concurrent_executions=0)
        self.assertRaises(exception.QuotaExceeded,
                          self.services.reruns.fire, self.ctx, id)

    def test_other_projects_are_not_limited(self):
        self.set_limits(concurrent_executions=0)
        other_project = fixtures.caller('other')
        function = self.core.function(other_project).id
        self.services.triggers.fire(
            other_project, fixtures.execution_request(function))

    def test_no_statement_without_a_limit(self):
        statements = []
        fixtures.Api.watch_statements(self.core, statements.append)
        self.fire()
        self.assertEqual([], [text for text in statements
                              if text.startswith('SELECT')
                              and 'FROM quotas' in text])
