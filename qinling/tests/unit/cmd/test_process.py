# SPDX-License-Identifier: Apache-2.0
"""Start of programs during an outage of the database."""

import threading
from unittest import mock

from oslotest import base

from qinling.cmd import process
from qinling import exception

AWAY = exception.Unavailable(reason='the database does not answer.')


class TestInsist(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.stop = threading.Event()
        self.enterContext(mock.patch.object(process, 'RETRY_SECONDS', 0))

    def test_actions_wait_for_the_database(self):
        action = mock.Mock(side_effect=[AWAY, AWAY, 'result'])
        self.assertEqual('result', process.insist(
            self.stop, action, 'x', name='y'))
        self.assertEqual([mock.call('x', name='y')] * 3,
                         action.call_args_list)

    def test_programs_stop_meanwhile(self):
        action = mock.Mock(side_effect=AWAY)
        self.stop.set()
        self.assertRaises(exception.Unavailable, process.insist, self.stop,
                          action)
        self.assertEqual(1, action.call_count)

    def test_other_errors_are_final(self):
        action = mock.Mock(side_effect=ValueError('x'))
        self.assertRaises(ValueError, process.insist, self.stop, action)
