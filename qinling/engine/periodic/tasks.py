# SPDX-License-Identifier: Apache-2.0
"""The thread of an engine that does what must be done again and again."""

import threading
import time

from oslo_log import log

from qinling import exception

LOG = log.getLogger(__name__)

HOUR = 3600


class Keeper:
    """Does its steps as often as leases and sweeps need it.

    :param stopped: event that ends it.
    :param outage: called when a step finds that the database is away.
    """

    def __init__(self, conf, stopped, outage):
        self._interval = min(conf.engine.lease / 3,
                             conf.engine.sweep_interval)
        self._stopped = stopped
        self._outage = outage
        self._often, self._hourly = (), ()
        self._next_hour = time.monotonic()
        self._thread = threading.Thread(
            target=self._run, name='keeper', daemon=True)
        self.start, self.join = self._thread.start, self._thread.join

    def often(self, *steps):
        """What is done each time."""
        self._often = steps

    def hourly(self, *steps):
        """What is done once at the start, and then every hour."""
        self._hourly = steps

    def _run(self):
        while True:
            steps = self._often
            if time.monotonic() >= self._next_hour:
                self._next_hour = time.monotonic() + HOUR
                steps += self._hourly
            for step in steps:
                self._do(step)
            if self._stopped.wait(self._interval):
                break

    def _do(self, step):
        try:
            step()
        except exception.Unavailable as e:
            LOG.warning('The keeper waits: %s', e)
            self._outage()
        except Exception:
            LOG.exception('The keeper goes on after a fault.')
