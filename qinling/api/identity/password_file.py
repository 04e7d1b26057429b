# SPDX-License-Identifier: Apache-2.0
"""User file of ``http_basic``: names, and bcrypt hashes of passwords.

A check of a wrong password costs the same for each name, also for names that
are not in the file.  So the duration of an answer does not reveal names.
"""

from collections.abc import Mapping
import dataclasses
import os
import re
import threading

import bcrypt
from oslo_log import log

from qinling import exception

LOG = log.getLogger(__name__)

#: Cost of the check for a file without users: log2 of the rounds.
DEFAULT_COST = 10
#: Salt and digest of a hash that no password has.
_NO_DIGEST = b'.' * 53
_HASH = re.compile(r'\$2[aby]\$(?:0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}')


@dataclasses.dataclass(frozen=True)
class Users:
    """Content of the file at one time.

    :ivar fingerprint: identifies the state of the file.
    :ivar cost: highest cost of the hashes.
    :ivar invalid_lines: numbers of the lines without a bcrypt hash.
    """

    fingerprint: tuple[int, ...]
    hashes: Mapping[str, bytes]
    cost: int
    invalid_lines: tuple[int, ...] = ()

    def verify(self, name: str, password: bytes) -> bool:
        """Return whether a password is right.

        All checks of wrong passwords compute the same number of rounds.
        """
        stored = self.hashes.get(name)
        if stored is None:
            _check(password, self.cost)
            return False
        try:
            if bcrypt.checkpw(password, stored):
                return True
        except ValueError:  # bcrypt cannot hash the password
            return False
        # A hash of cost c has 2**c rounds, so the sum is 2**self.cost.
        for cost in range(_cost(stored), self.cost):
            _check(password, cost)
        return False


def _cost(stored: bytes) -> int:
    return int(stored[4:6])


def _check(password: bytes, cost: int) -> None:
    """Compute as many rounds as the check of a stored hash."""
    try:
        bcrypt.checkpw(password, b'$2b$%02d$%b' % (cost, _NO_DIGEST))
    except ValueError:  # bcrypt cannot hash the password
        return


class PasswordFile:
    """The user file, read again after each change."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._users = Users((), {}, DEFAULT_COST)

    def validate(self) -> None:
        """Read the file at the start of a server.

        :raises ValueError: the file cannot be read or has an invalid line.
        """
        try:
            users = self._load()
            reason = 'line %d has no bcrypt hash' % users.invalid_lines[0] \
                if users.invalid_lines else ''
        except (OSError, UnicodeDecodeError) as e:
            reason = str(e)
        if reason:
            raise ValueError(
                f'[http_basic] user_file {self._path} cannot be used: '
                f'{reason}. Create the file with: '
                f'htpasswd -B -c {self._path} NAME')

    def read(self) -> Users:
        """Return the present content.

        Users on invalid lines are unknown.

        :raises Unavailable: the file has no valid line or cannot be read.
        """
        try:
            users = self._users
            if users.fingerprint != self._fingerprint():
                users = self._load()
        except (OSError, UnicodeDecodeError) as e:
            LOG.error('Could not read [http_basic] user_file: %s', e)
            raise _unavailable()
        if users.invalid_lines and not users.hashes:
            raise _unavailable()
        return users

    def _fingerprint(self) -> tuple[int, ...]:
        stat = os.stat(self._path)
        return (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size,
                stat.st_ino)

    def _load(self) -> Users:
        with self._lock:
            fingerprint = self._fingerprint()
            if fingerprint == self._users.fingerprint:
                return self._users
            with open(self._path, encoding='utf-8') as stream:
                self._users = _parse(stream.read(), fingerprint)
            for number in self._users.invalid_lines:
                LOG.error('[http_basic] user_file, line %d: the hash is not '
                          'of bcrypt. Set the password again with: htpasswd '
                          '-B %s NAME', number, self._path)
            return self._users


def _unavailable() -> exception.Unavailable:
    return exception.Unavailable(
        'Users cannot be looked up at the moment; try again.')


def _parse(text: str, fingerprint: tuple[int, ...]) -> Users:
    hashes: dict[str, bytes] = {}
    invalid_lines = []
    for number, line in enumerate(text.splitlines(), 1):
        name, colon, stored = line.strip().partition(':')
        if not colon or name.startswith('#'):
            continue
        if not _HASH.fullmatch(stored):
            invalid_lines.append(number)
        else:
            hashes.setdefault(name, stored.encode('ascii'))
    cost = max(map(_cost, hashes.values()), default=DEFAULT_COST)
    return Users(fingerprint, hashes, cost, tuple(invalid_lines))
