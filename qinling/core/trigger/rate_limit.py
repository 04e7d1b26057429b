# SPDX-License-Identifier: Apache-2.0
"""How often something may happen."""

import math
import time

import limits
from limits import errors
from limits import storage
from limits import strategies
from oslo_log import log

from qinling import exception

LOG = log.getLogger(__name__)


class Rates:
    """One limit, which counts for each key by itself.

    :param limit: such as ``600/minute``; empty for none.
    :param url: where is counted.
    :raises ValueError: the limit cannot be read, or the storage is unknown.
    """

    def __init__(self, limit, url):
        self._limit = limits.parse(limit) if limit else None
        try:
            self._limiter = strategies.SlidingWindowCounterRateLimiter(
                storage.storage_from_string(url, wrap_exceptions=True))
        except errors.ConfigurationError as e:
            raise ValueError(f'The storage of a rate limit: {e}')

    def take(self, key):
        """Count one more.

        :raises RateLimited: it is one too many, and is not counted.
        """
        if self._limit is None:
            return
        try:
            if self._limiter.hit(self._limit, key):
                return
            free = self._limiter.get_window_stats(
                self._limit, key).reset_time
        except errors.StorageError as e:
            LOG.warning('The rate limit is not kept at the moment: %s', e)
            return
        raise exception.RateLimited(
            limit=str(self._limit),
            retry_after=max(1, math.ceil(free - time.time())))
