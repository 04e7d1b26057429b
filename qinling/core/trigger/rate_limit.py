# SPDX-License-Identifier: Apache-2.0
"""Rate limit with one counter per key."""

import math
import time
import typing

import limits
from limits import errors
from limits import storage
from limits import strategies
from oslo_log import log

from qinling import exception

LOG = log.getLogger(__name__)


class Limit(typing.Protocol):
    """One limit, counted separately for each key."""

    def hit(self, key: str) -> None:
        """Count one request.

        :raises RateLimited: the limit is reached; the request is not
            counted.
        """


class RateLimit:
    """A limit of this process, or of all that share a storage.

    :param limit: such as ``600/minute``; empty for no limit.
    :param url: storage of the counters.
    :raises ValueError: the limit is not valid, or the storage unknown.
    """

    def __init__(self, limit: str, url: str) -> None:
        self._limit = limits.parse(limit) if limit else None
        try:
            self._limiter = strategies.SlidingWindowCounterRateLimiter(
                storage.storage_from_string(url, wrap_exceptions=True))
        except errors.ConfigurationError as e:
            raise ValueError(f'The storage of a rate limit: {e}')

    def hit(self, key: str) -> None:
        """Count one request.

        :raises RateLimited: the limit is reached; the request is not
            counted.
        """
        if self._limit is None:
            return
        try:
            if self._limiter.hit(self._limit, key):
                return
            reset_time = self._limiter.get_window_stats(
                self._limit, key).reset_time
        except errors.StorageError as e:
            LOG.warning('Could not count a request for the rate limit: %s', e)
            return
        raise exception.RateLimited(
            limit=str(self._limit),
            retry_after=max(1, math.ceil(reset_time - time.time())))
