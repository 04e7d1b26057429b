# SPDX-License-Identifier: Apache-2.0
"""Warnings about budgets."""

import http.server
import json
import threading
from unittest import mock

from qinling.core.execution import budgets
from qinling.db import models
from qinling.engine.periodic import budgets as periodic
from qinling import message_bus
from qinling.tests.unit.engine import base

PROJECT = 'p'
#: Part of the URL that no log may contain.
SECRET = 'a-secret'


class Receiver(http.server.BaseHTTPRequestHandler):
    """Receiver of warnings, which answers with the statuses of the server."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.server.received.append(json.loads(body))
        self.send_response(self.server.statuses.pop(0))
        self.send_header('Location', '/elsewhere')
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *_args):
        """Log nothing."""


class TestBudgetTask(base.TestCase):
    def setUp(self):
        super().setUp()
        self.conf.set_override('million_executions_price', 10 ** 6,
                               group='cost')
        self.conf.set_override('currency', 'CHF', group='cost')
        self.task = periodic.BudgetTask(self.conf, self.db)
        self.notifier = mock.Mock()
        self.patch(message_bus, 'create_notifier', lambda _: self.notifier)
        self.add(models.ExecutionStatistics, function_id=models.ALL_FUNCTIONS,
                 function_version=models.ALL_VERSIONS, function_alias='',
                 hour=models.now(), count=9, cold_starts=0, gb_seconds=0,
                 failures={})

    def serve(self, *statuses):
        """Return the URL of a receiver with these answers."""
        self.server = http.server.HTTPServer(('127.0.0.1', 0), Receiver)
        self.server.statuses, self.server.received = list(statuses), []
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(self.server.shutdown)
        return f'http://127.0.0.1:{self.server.server_port}/{SECRET}'

    def add_budget(self, **values):
        self.add(models.Budget, project_id=PROJECT, **{
            'amount': 10, 'warn_at': 0.8, 'on_exceeded': 'warn', **values})

    def unreported(self):
        return len(budgets.unreported(self.db))

    def test_warning(self):
        self.add_budget(warning_url=self.serve(204))
        for _ in range(2):
            self.task.run()
        warning, = self.server.received
        month = models.now().strftime('%Y-%m')
        self.assertEqual({
            'id': f'p-{month}-warning', 'event': 'budget.warning',
            'project_id': PROJECT, 'month': month, 'amount': 10, 'spent': 9,
            'currency': 'CHF'}, warning)
        self.notifier.warn.assert_called_once_with(
            {}, 'budget.warning', warning)

    def test_warnings_are_repeated_until_accepted(self):
        # A redirect is no acceptance.
        self.add_budget(warning_url=self.serve(500, 302, 200), amount=1)
        for number in (1, 1, 0):
            self.task.run()
            self.assertEqual(number, self.unreported())
        self.assertEqual(['budget.exceeded'] * 3, [
            warning['event'] for warning in self.server.received])
        self.assertEqual(1, self.notifier.warn.call_count)

    def test_unreachable_receiver(self):
        url = self.serve()
        self.server.shutdown()
        self.server.server_close()
        self.add_budget(warning_url=url)
        with self.assertLogs('qinling.engine.periodic.budgets') as logs:
            self.task.run()
        self.assertIn('ConnectionError', logs.output[0])
        self.assertNotIn(SECRET, str(logs.output))
        self.assertEqual(1, self.unreported())

    def test_without_receiver(self):
        self.notifier = None
        self.add_budget()
        self.task.run()
        self.assertEqual(0, self.unreported())

    def test_without_prices(self):
        self.add_budget(month=models.now().strftime('%Y-%m'), level=1)
        self.conf.set_override('million_executions_price', 0, group='cost')
        self.task.run()
        self.assertEqual(1, self.unreported())
