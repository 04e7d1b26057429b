# SPDX-License-Identifier: Apache-2.0
"""Start of the daemon of the engine."""

import threading
from unittest import mock

from oslotest import base

from qinling.cmd import engine
from qinling.cmd import process
from qinling.tests import fixtures


class TestListen(base.BaseTestCase):
    """Notification of systemd."""

    def listen(self, start):
        """Return what systemd learned, and whether the daemon stops."""
        messages, stop = [], threading.Event()
        server = mock.Mock()
        server.start = lambda _threads: start(messages)
        self.patch(process, 'notify_systemd', messages.append)
        engine._listen(self.useFixture(fixtures.Conf()).conf, mock.Mock(),
                       server, stop)
        return messages, stop.is_set()

    def test_engine_is_ready_when_it_listens(self):
        self.assertEqual(
            (['listening', 'READY=1'], False),
            self.listen(lambda messages: messages.append('listening')))

    def test_engine_that_cannot_listen_stops(self):
        def fail(_messages):
            raise ValueError('the bus is wrong')
        self.assertEqual(([], True), self.listen(fail))
