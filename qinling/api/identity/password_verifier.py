# SPDX-License-Identifier: Apache-2.0
"""Verification of passwords with bounded costs.

A computed hash takes up to some tenths of a second by design.  Verified
credentials are cached, few hashes are computed at a time, and few requests
wait for a turn.
"""

import collections
from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import enum
import hmac
import os
import secrets
import threading
import time

from oslo_log import log

from qinling.api.identity import login_throttle
from qinling.api.identity import password_file
from qinling import exception

LOG = log.getLogger(__name__)

#: Seconds that a verified password is valid without a further hash; within
#: the last part one request verifies again, and the others do not wait.
CACHE_SECONDS = 300
REFRESH_SECONDS = 240
#: Seconds until another request verifies again after an unsuccessful try.
REFRESH_PAUSE_SECONDS = 5
#: Verified credentials; the least recently used are forgotten first.
MAX_CREDENTIALS = 1024
#: Seconds that a request waits for a turn.
TURN_SECONDS = 2


class Freshness(enum.Enum):
    """State of credentials in the cache."""

    #: Not verified since the last change of the user file.
    UNKNOWN = 'unknown'
    #: Verified some time ago; a hash has to confirm the credentials.
    STALE = 'stale'
    #: Valid; this request should verify the credentials again.
    DUE = 'due'
    #: Valid.
    FRESH = 'fresh'


class CredentialCache:
    """Digests of verified credentials."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: Digest -> (time of the verification, time of the next one).
        self._times: collections.OrderedDict[
            bytes, tuple[float, float]] = collections.OrderedDict()

    def __len__(self) -> int:
        return len(self._times)

    def look_up(self, digest: bytes) -> Freshness:
        """Return the state; ``DUE`` goes to one caller."""
        now = time.monotonic()
        with self._lock:
            times = self._times.get(digest)
            if times is None:
                return Freshness.UNKNOWN
            self._times.move_to_end(digest)
            verified_at, due_at = times
            if now - verified_at > CACHE_SECONDS:
                return Freshness.STALE
            if now < due_at:
                return Freshness.FRESH
            self._times[digest] = verified_at, now + REFRESH_PAUSE_SECONDS
            return Freshness.DUE

    def add(self, digest: bytes) -> None:
        """Store verified credentials."""
        now = time.monotonic()
        with self._lock:
            self._times[digest] = now, now + REFRESH_SECONDS
            self._times.move_to_end(digest)
            if len(self._times) > MAX_CREDENTIALS:
                self._times.popitem(last=False)

    def remove(self, digest: bytes) -> None:
        """Forget credentials."""
        with self._lock:
            self._times.pop(digest, None)


class HashGate:
    """Bound for the hashes at a time, and for the waiting requests.

    :param slots: hashes at a time.
    :param max_waiting: waiting requests; each occupies a thread.
    """

    def __init__(self, slots: int, max_waiting: int) -> None:
        self.slots = slots
        self._slots = threading.BoundedSemaphore(slots)
        self._places = threading.BoundedSemaphore(max_waiting)

    @contextlib.contextmanager
    def enter(self) -> Iterator[None]:
        """Occupy a slot.

        :raises Unavailable: no slot becomes free in time.
        """
        if not self._slots.acquire(blocking=False):
            self._wait()
        try:
            yield
        finally:
            self._slots.release()

    def _wait(self) -> None:
        if not self._places.acquire(blocking=False):
            raise _busy()
        try:
            if not self._slots.acquire(timeout=TURN_SECONDS):
                raise _busy()
        finally:
            self._places.release()


def _busy() -> exception.Unavailable:
    return exception.Unavailable(
        'Too many passwords are being verified; try again.')


class PasswordVerifier:
    """Verification of names and passwords.

    :param threads: requests that the process serves at a time.
    :ivar delegate: verifies passwords that this process does not know, with
        the arguments of :meth:`verify`, if another process counts failures.
    """

    def __init__(self, users: password_file.PasswordFile, threads: int
                 ) -> None:
        self._file = users
        self._key = secrets.token_bytes(32)
        self.delegate: Callable[[str, bytes, str], bool] | None = None
        self._cache = CredentialCache()
        self._throttle = login_throttle.LoginThrottle()
        self._gate = HashGate(max(1, min(2, (os.cpu_count() or 1) // 2)),
                              max(1, threads // 2))

    def verify(self, name: str, password: bytes, address: str) -> bool:
        """Return whether a password is right.

        :param address: the client.
        :raises RateLimited: after many wrong passwords.
        :raises Unavailable: the file cannot be read, or too many requests
            wait.
        """
        users = self._file.read()
        digest = hmac.digest(
            self._key, repr((name, password, users.fingerprint)).encode(
                'utf-8', 'surrogatepass'), 'sha256')
        freshness = self._cache.look_up(digest)
        if freshness is Freshness.FRESH:
            return True
        if freshness is Freshness.UNKNOWN:
            return self._attempt(users, digest, name, password, address)
        try:
            return self._confirm(users, digest, name, password, freshness)
        except exception.Unavailable:
            if freshness is Freshness.STALE:
                raise
            return True

    def _attempt(self, users: password_file.Users, digest: bytes, name: str,
                 password: bytes, address: str) -> bool:
        """Verify credentials that may be a guess."""
        if self.delegate is not None:
            if self.delegate(name, password, address):
                self._cache.add(digest)
                return True
            return False
        self._throttle.check(name, address)
        with self._gate.enter():
            if self._cache.look_up(digest) is not Freshness.UNKNOWN:
                return True
            # Other attempts may have failed during the wait.
            self._throttle.check(name, address)
            if users.verify(name, password):
                self._cache.add(digest)
                self._throttle.record_success(name, address)
                return True
            self._throttle.record_failure(name, address)
        LOG.info('Rejected the password of "%s" from %s.', name[:64],
                 address[-64:])
        return False

    def _confirm(self, users: password_file.Users, digest: bytes, name: str,
                 password: bytes, freshness: Freshness) -> bool:
        """Verify credentials that were right before, without a delay."""
        with self._gate.enter():
            if freshness is Freshness.STALE and (
                    self._cache.look_up(digest) is not Freshness.STALE):
                return True
            is_right = users.verify(name, password)
            if is_right:
                self._cache.add(digest)
            else:
                self._cache.remove(digest)
            return is_right
