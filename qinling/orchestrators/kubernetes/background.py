# SPDX-License-Identifier: Apache-2.0
"""Threads for calls without a waiting caller."""

from collections.abc import Callable
from concurrent import futures
import contextlib
import logging
import typing

LOG = logging.getLogger(__name__)

THREADS = 4
#: For many calls that nothing waits for, such as resizes of idle workers.
SLOW_THREADS = 2


class Background:
    """Thread pool that logs exceptions."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = futures.ThreadPoolExecutor(threads, 'kubernetes')

    def submit(self, action: Callable[..., object], *args: typing.Any) -> None:
        """Call a function in a thread; ignore calls after :meth:`close`."""
        with contextlib.suppress(RuntimeError):
            self._pool.submit(self._call, action, *args)

    def close(self, cancel: bool = False) -> None:
        """Wait for the submitted calls, or only for the running ones."""
        self._pool.shutdown(wait=True, cancel_futures=cancel)

    def _call(self, action: Callable[..., object], *args: typing.Any) -> None:
        try:
            action(*args)
        except Exception:
            LOG.exception('Could not complete %s', action)
