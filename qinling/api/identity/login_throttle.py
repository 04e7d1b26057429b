# SPDX-License-Identifier: Apache-2.0
"""Slowing down of password guessing.

After some failures a further attempt is rejected until a delay has passed.
The delay doubles with each failure of the name or of the address, and is at
most :data:`MAX_DELAY_SECONDS`.  A rejected attempt does not prolong the
delay.  Failures from other addresses never delay the first attempt of an
address, so strangers cannot lock a user out.
"""

import collections
import dataclasses
import hashlib
import ipaddress
import math
import re
import threading
import time
import typing

from qinling import exception

#: Failures without a delay, of a name and of an address.  Several users may
#: share an address.
FREE_FAILURES_OF_NAME = 5
FREE_FAILURES_OF_ADDRESS = 10
MAX_DELAY_SECONDS = 30
#: Seconds without a failure until the failures are forgotten.
FORGET_SECONDS = 15 * 60
#: Records of each kind.  Only a computed hash adds a record, so an attacker
#: cannot replace all records within FORGET_SECONDS.
MAX_RECORDS = 16384
#: Bits of an IPv6 address that identify a host: one host has a whole network.
IPV6_PREFIX = 64
#: Address in a ``Forwarded`` header.
_WITH_PORT = re.compile(r'\[([^]]*)\](?::\d+)?|([\d.]+):\d+')


@dataclasses.dataclass
class _Record:
    failures: int = 0
    last_failure: float = 0.0


class _Records:
    """Failures by key, the oldest first."""

    def __init__(self) -> None:
        self._records: collections.OrderedDict[typing.Hashable, _Record] = (
            collections.OrderedDict())

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: typing.Hashable, now: float) -> _Record:
        """Return the record of a key; an expired record is empty."""
        record = self._records.get(key)
        if record is None or now - record.last_failure > FORGET_SECONDS:
            return _Record()
        return record

    def add(self, key: typing.Hashable, now: float) -> None:
        """Count a failure."""
        record = self.get(key, now)
        self._records[key] = _Record(record.failures + 1, now)
        self._records.move_to_end(key)
        while len(self._records) > MAX_RECORDS or (
                now - next(iter(self._records.values())).last_failure
                > FORGET_SECONDS):
            self._records.popitem(last=False)

    def subtract(self, key: typing.Hashable, failures: int) -> None:
        """Forget failures of a key."""
        record = self._records.get(key)
        if record is not None:
            record.failures -= failures
            if record.failures <= 0:
                del self._records[key]


class LoginThrottle:
    """Failures of the names and addresses of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names = _Records()
        self._addresses = _Records()
        self._pairs = _Records()

    def __len__(self) -> int:
        return len(self._names) + len(self._addresses) + len(self._pairs)

    def check(self, name: str, address: str) -> None:
        """Reject an attempt during a delay.

        :raises RateLimited: with the rest of the delay.
        """
        now = time.monotonic()
        name_key, address_key = _hash(name), network(address)
        with self._lock:
            of_name = self._names.get(name_key, now)
            of_address = self._addresses.get(address_key, now)
            of_pair = self._pairs.get((name_key, address_key), now)
        end = max(
            of_pair.last_failure + _delay(
                of_name.failures - FREE_FAILURES_OF_NAME)
            if of_pair.failures else 0,
            of_address.last_failure + _delay(
                of_address.failures - FREE_FAILURES_OF_ADDRESS))
        if end > now:
            seconds = math.ceil(end - now)
            raise exception.RateLimited(
                'Too many attempts with a wrong name or password; try again '
                f'in {seconds} seconds.', retry_after=seconds)

    def record_failure(self, name: str, address: str) -> None:
        """Count a wrong password of a known or unknown name."""
        now = time.monotonic()
        name_key, address_key = _hash(name), network(address)
        with self._lock:
            self._names.add(name_key, now)
            self._addresses.add(address_key, now)
            self._pairs.add((name_key, address_key), now)

    def record_success(self, name: str, address: str) -> None:
        """Forget the failures of a name from an address.

        Failures of other names from the address count further: an attacker
        may know one password.
        """
        now = time.monotonic()
        name_key, address_key = _hash(name), network(address)
        with self._lock:
            failures = self._pairs.get((name_key, address_key), now).failures
            for records, key in (
                    (self._pairs, (name_key, address_key)),
                    (self._names, name_key), (self._addresses, address_key)):
                records.subtract(key, failures)


def _delay(excess: int) -> float:
    """Return the seconds after a number of failures beyond the free ones."""
    if excess < 0:
        return 0
    return float(min(MAX_DELAY_SECONDS, 2 ** min(excess, 16)))


def _hash(name: str) -> bytes:
    """Return a key of fixed size; clients choose the length of a name."""
    return hashlib.blake2b(name.encode('utf-8', 'surrogatepass'),
                           digest_size=16).digest()


def network(address: str) -> str:
    """Return the key of the address of a client.

    :param address: a list from ``X-Forwarded-For`` ends with the address that
        the nearest proxy saw.
    """
    text = address.rpartition(',')[2].strip(' "')
    match = _WITH_PORT.fullmatch(text)
    if match is not None:
        text = match.group(1) or match.group(2)
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return text[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return text
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
