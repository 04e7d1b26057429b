# SPDX-License-Identifier: Apache-2.0
"""Executions without a worker while the orchestrator does not answer.

Functions with workers go on.  For others, waiting would only occupy threads:
a synchronous execution is refused, so that its client tries again later, and
an asynchronous execution waits without a thread.
"""

import datetime
import threading
import time

from oslo_log import log

from qinling.core.execution import lifecycle
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core.execution import releases
from qinling.db import models
from qinling.db import session
from qinling.engine.run import completion as completion_module
from qinling.engine.run import late_rows as late_rows_module
from qinling.engine.run import write_retries
from qinling import exception
from qinling.states import ExecutionReason

LOG = log.getLogger(__name__)

#: Seconds until an asynchronous execution tries again, and at least between
#: two executions that try.
PAUSE_SECONDS, INTERVAL_SECONDS = 5, 0.02


class Unreachable:
    """Takes executions of one engine back, which have not started."""

    def __init__(self, db: session.Database, owner: str,
                 late_rows: late_rows_module.LateRows,
                 completion: completion_module.Completion,
                 retries: write_retries.WriteRetries) -> None:
        self._db = db
        self._owner = owner
        self._late_rows = late_rows
        self._completion = completion
        self._retries = retries
        self._lock = threading.Lock()
        self._next = 0.0

    def take_back(self, message: records.ExecutionMessage,
                  error: exception.OutOfReach) -> outcomes.Ended | None:
        """Refuse a synchronous execution, postpone an asynchronous one.

        :returns: the end of an execution that cannot be taken back.
        :raises OrchestratorUnavailable: the execution is refused.
        """
        if not message.sync:
            self._postpone(message.id)
            return None
        if self._late_rows.drop(message.id) or self._retries.write(
                lambda: releases.release_unstarted(
                    self._db, message.id, self._owner)):
            raise exception.OrchestratorUnavailable(reason=str(error))
        return self._retries.write(lambda: lifecycle.finish(
            self._db, message.id, outcomes.platform_fault(
                f'No worker can run the function: {error}',
                ExecutionReason.NO_WORKER),
            lifecycle.OWNED_BY_ME, params={'me': self._owner}))

    def _postpone(self, id: str) -> None:
        at = models.now() + datetime.timedelta(seconds=self._choose_pause())
        if self._retries.write(lambda: releases.postpone(
                self._db, id, self._owner, at)):
            self._completion.schedule_retry(at, id)

    def _choose_pause(self) -> float:
        """Return the seconds of a pause, so that few try at once."""
        now = time.monotonic()
        with self._lock:
            self._next = max(self._next + INTERVAL_SECONDS,
                             now + PAUSE_SECONDS)
            return self._next - now
