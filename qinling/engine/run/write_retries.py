# SPDX-License-Identifier: Apache-2.0
"""Writes of an engine that wait for the database."""

from collections.abc import Callable
import math
import typing

import tenacity

from qinling.engine.run import attempts as attempts_module
from qinling import exception

#: Seconds between two tries to write while the database is away.
WRITE_RETRY_SECONDS = 0.5

_T = typing.TypeVar('_T')


class WriteRetries:
    """Repeats writes until the database answers, or the engine stops.

    An execution must not run again because the database was away when its
    result was ready.
    """

    def __init__(self, attempts: attempts_module.Attempts) -> None:
        self._attempts = attempts

    def write(self, write: Callable[[], _T], limit: float = math.inf) -> _T:
        """Call ``write`` until the database answers.

        :param limit: seconds after which the failure is raised.
        """
        try:
            # Almost always enough, and cheaper than a retry controller.
            return write()
        except exception.Unavailable:
            if self._attempts.stopping:
                raise
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(exception.Unavailable),
            wait=tenacity.wait_fixed(WRITE_RETRY_SECONDS),
            stop=_StopWriting(self._attempts, limit),
            reraise=True)(write)


class _StopWriting(tenacity.stop_after_delay):
    """Stop condition: the engine stops, or a time limit."""

    def __init__(self, attempts: attempts_module.Attempts, limit: float
                 ) -> None:
        super().__init__(limit)
        self._attempts = attempts

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        """Return whether to raise the error."""
        return self._attempts.stopping or super().__call__(retry_state)
