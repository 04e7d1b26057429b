# SPDX-License-Identifier: Apache-2.0
"""Start of the daemon of the engine."""

import threading
from unittest import mock

import amqp
import fixtures as fixtures_module
from oslotest import base

from qinling.cmd import engine
from qinling.cmd import process
from qinling.tests import fixtures


class TestListen(base.BaseTestCase):
    """Notification of systemd."""

    def listen(self, start):
        """Return what systemd learned, and whether the daemon fails."""
        messages, stop = [], threading.Event()
        failed = threading.Event()
        server = mock.Mock()
        server.start = lambda _threads: start(messages)
        self.patch(process, 'notify_systemd', messages.append)
        engine._listen(self.useFixture(fixtures.Conf()).conf, mock.Mock(),
                       server, stop, failed)
        self.assertEqual(failed.is_set(), stop.is_set())
        return messages, failed.is_set()

    def test_engine_is_ready_when_it_listens(self):
        self.assertEqual(
            (['listening', 'READY=1'], False),
            self.listen(lambda messages: messages.append('listening')))

    def test_engine_that_cannot_listen_stops(self):
        def fail(_messages):
            raise ValueError('the bus is wrong')
        log = self.useFixture(fixtures_module.FakeLogger())
        self.assertEqual(([], True), self.listen(fail))
        self.assertIn('Traceback', log.output)

    def test_refusal_of_the_broker_is_one_sentence(self):
        def fail(_messages):
            raise amqp.NotAllowed('vhost novhost not found')
        log = self.useFixture(fixtures_module.FakeLogger())
        self.assertEqual(([], True), self.listen(fail))
        self.assertIn('See [DEFAULT] transport_url: ', log.output)
        self.assertIn('vhost novhost not found', log.output)
        self.assertNotIn('Traceback', log.output)
