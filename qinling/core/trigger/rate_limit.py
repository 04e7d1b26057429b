# SPDX-License-Identifier: Apache-2.0
"""Rate limit with one counter per key."""

import dataclasses
import math
import threading
import time
import typing

import limits
from limits import errors
from limits import storage
from limits import strategies
from oslo_log import log

from qinling import exception

LOG = log.getLogger(__name__)

#: Seconds between two removals of old counters from the memory.
EXPIRY_SECONDS = 60
#: Extras with libraries of storages; URLs of the storages begin so.
EXTRAS = ('redis', 'memcached')


@dataclasses.dataclass(frozen=True)
class Usage:
    """What remains of a limit.

    :param quota: requests in a window of ``window`` seconds.
    :param reset: seconds until more remain.
    """

    quota: int
    window: int
    remaining: int
    reset: int


class Limit(typing.Protocol):
    """One limit, counted separately for each key."""

    def hit(self, key: str) -> Usage | None:
        """Count one request.

        :returns: ``None`` without a limit.
        :raises RateLimited: the limit is reached; the request is not
            counted.
        """


def _advise(url: str) -> str:
    """Return which extra a storage needs, if any."""
    extra = next((name for name in EXTRAS if url.startswith(name)), None)
    return (f'. The storage needs the extra "{extra}": run "pip install '
            f'\'.[{extra}]\'" in the checkout.' if extra else '')


class RateLimit:
    """A limit of this process, or of all that share a storage.

    :param limit: such as ``600/minute``; empty for no limit.
    :param url: storage of the counters.
    :raises ValueError: the limit is not valid, or the storage unknown.
    """

    def __init__(self, limit: str, url: str) -> None:
        self._limit = limits.parse(limit) if limit else None
        try:
            self._storage = storage.storage_from_string(
                url, wrap_exceptions=True)
            self._limiter = strategies.SlidingWindowCounterRateLimiter(
                self._storage)
        except errors.ConfigurationError as e:
            raise ValueError(f'The storage of a rate limit: {e}'
                             f'{_advise(url)}')

    def hit(self, key: str) -> Usage | None:
        """Count one request.

        :returns: ``None`` without a limit, or without the storage.
        :raises RateLimited: the limit is reached; the request is not
            counted.
        """
        if self._limit is None:
            return None
        if isinstance(self._storage, storage.MemoryStorage):
            _postpone_expiry(self._storage)
        try:
            is_admitted = self._limiter.hit(self._limit, key)
            stats = self._limiter.get_window_stats(self._limit, key)
        except errors.StorageError as e:
            LOG.warning('Could not count a request for the rate limit: %s', e)
            return None
        usage = Usage(self._limit.amount, self._limit.get_expiry(),
                      stats.remaining if is_admitted else 0,
                      max(1, math.ceil(stats.reset_time - time.time())))
        if not is_admitted:
            raise exception.RateLimited(
                limit=str(self._limit), retry_after=usage.reset,
                **dataclasses.asdict(usage))
        return usage


def _postpone_expiry(memory: storage.MemoryStorage) -> None:
    """Let the library remove old counters once in a while.

    It would start a thread for almost every request.
    """
    if memory.timer.is_alive():
        return
    timer = threading.Timer(EXPIRY_SECONDS, memory.timer.function)
    # A thread that waits must not delay the end of the process.
    timer.daemon = True
    timer.start()
    memory.timer = timer
