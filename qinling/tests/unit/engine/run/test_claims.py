# SPDX-License-Identifier: Apache-2.0
"""State of claimed executions."""

import threading

from oslotest import base

from qinling.engine.run import claims


class TestClaimedExecution(base.BaseTestCase):
    """Wait for the end of an execution."""

    def setUp(self):
        super().setUp()
        self.claimed = claims.ClaimedExecution(0)

    def test_end_wakes_those_who_wait(self):
        results = []
        waiter = threading.Thread(
            target=lambda: results.append(self.claimed.wait_ended(60)))
        waiter.start()
        self.claimed.mark_ended()
        waiter.join(60)
        self.assertEqual([True], results)

    def test_wait_after_the_end(self):
        self.claimed.mark_ended()
        self.assertTrue(self.claimed.wait_ended(60))

    def test_wait_is_limited(self):
        self.assertFalse(self.claimed.wait_ended(0))
