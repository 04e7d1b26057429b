# SPDX-License-Identifier: Apache-2.0
"""Threads for calls without a waiting caller."""

from collections.abc import Callable
from concurrent import futures
import contextlib
import logging
import typing

LOG = logging.getLogger(__name__)

THREADS = 4


class Background:
    """Thread pool that logs exceptions."""

    def __init__(self) -> None:
        self._pool = futures.ThreadPoolExecutor(THREADS, 'kubernetes')

    def submit(self, action: Callable[..., object], *args: typing.Any) -> None:
        """Call a function in a thread; ignore calls after :meth:`close`."""
        with contextlib.suppress(RuntimeError):
            self._pool.submit(self._call, action, *args)

    def close(self) -> None:
        """Wait for the submitted calls."""
        self._pool.shutdown(wait=True)

    def _call(self, action: Callable[..., object], *args: typing.Any) -> None:
        try:
            action(*args)
        except Exception:
            LOG.exception('Could not complete %s', action)
