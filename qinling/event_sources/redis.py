# SPDX-License-Identifier: Apache-2.0
"""Events from a stream of Redis, through a consumer group.

The group is created when the source is first opened.  The id of an entry is
the id of its event.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import datetime
import time
import typing
from urllib import parse

from qinling.event_sources import base
from qinling import exception

SCHEMES = ('redis', 'rediss')
PORT = 6379
#: Consumer of the group: one engine at a time reads a source, and the next
#: one starts with the entries that the last one has not acknowledged.
CONSUMER = 'qinling'
MISSING = ('Redis streams need the Python library "redis" in the service; ask '
           'an operator to install the extra "redis" for the engines: run '
           '"pip install \'.[redis]\'" in the checkout.')
#: Seconds beyond a blocking read after which a connection counts as dead.
TIMEOUT_SECONDS = 10

_Entries = list[tuple[bytes, dict[bytes, bytes] | None]]


class Driver(base.Driver):
    """Stream of Redis."""

    @staticmethod
    def parse(settings: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
        """Return ``url``, ``stream``, ``group`` and ``start``."""
        fields = base.parse_fields(settings, {
            'url': base.REQUIRED, 'stream': base.REQUIRED,
            'group': 'qinling', 'start': 'new'})
        path = base.parse_url(fields['url'], SCHEMES).path[1:]
        if path and not (path.isdecimal() and path.isascii()
                         and len(path) < 6):
            raise ValueError('url of settings must end with the number of a '
                             'database, such as redis://HOST/0.')
        if fields['start'] not in ('new', 'oldest'):
            raise ValueError('start of settings must be new or oldest.')
        return fields

    @staticmethod
    def open(access: base.Access) -> base.Reader:
        """Return the reader of the stream."""
        return Reader(access)


@contextlib.contextmanager
def translate_errors() -> Iterator[None]:
    """Raise ``TemporaryError`` for errors of the library."""
    import redis
    try:
        yield
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError
            ) as e:
        raise exception.TemporaryError(
            'Redis refuses the access; check username, password and '
            f'permissions: {e}') from e
    except (redis.ConnectionError, redis.TimeoutError, OSError) as e:
        raise exception.TemporaryError(
            f'Redis cannot be reached: {e}') from e
    except redis.RedisError as e:
        raise exception.TemporaryError(
            f'Redis reports an error: {e}') from e


def create_client(access: base.Access) -> typing.Any:
    """Return the client of the server of the settings."""
    try:
        # Imported on demand: an optional library.
        import redis
    except ImportError as e:
        raise exception.TemporaryError(MISSING) from e
    url = parse.urlsplit(access.settings['url'])
    host, port = str(url.hostname), url.port or PORT
    guard = access.guard
    guard.resolve(host, port)
    parent: typing.Any = (redis.SSLConnection if url.scheme == 'rediss'
                          else redis.Connection)

    class GuardedConnection(parent):  # type: ignore[misc]
        """Connection that checks the address before anything is sent."""

        def _connect(self) -> typing.Any:
            connected = super()._connect()
            try:
                guard.check(connected.getpeername()[0], host)
            except BaseException:
                connected.close()
                raise
            return connected
    return redis.Redis(connection_pool=redis.ConnectionPool(
        connection_class=GuardedConnection, host=host, port=port,
        db=int(url.path[1:] or 0),
        username=access.credentials.get('username') or None,
        password=access.credentials.get('password') or None,
        socket_connect_timeout=base.CONNECT_SECONDS,
        socket_timeout=base.WAIT_SECONDS + TIMEOUT_SECONDS,
        max_connections=1))


class Reader(base.Reader):
    """Open stream."""

    def __init__(self, access: base.Access) -> None:
        self._limit = access.limit
        self._stream = access.settings['stream']
        self._group = access.settings['group']
        self._client = create_client(access)
        self._ids: list[bytes] = []
        #: Whether entries without an acknowledgement come first.
        self._is_repeating = True
        try:
            self._create_group(access.settings['start'])
        except BaseException:
            self.close()
            raise

    def _create_group(self, start: str) -> None:
        import redis
        with translate_errors():
            try:
                self._client.xgroup_create(
                    self._stream, self._group,
                    '0' if start == 'oldest' else '$', mkstream=True)
            except redis.ResponseError as e:
                if 'BUSYGROUP' not in str(e):
                    raise

    def receive(self, seconds: float) -> Sequence[base.Event]:
        """Return the next entries as events."""
        entries: _Entries = []
        if self._is_repeating:
            entries = self._read(self._limit, None, '0')
            self._is_repeating = bool(entries)
        if not entries:
            entries = self._read(self._limit, base.WAIT_SECONDS)
            deadline = time.monotonic() + seconds
            while entries and len(entries) < self._limit:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    break
                entries += self._read(self._limit - len(entries), min(
                    remaining, base.WAIT_SECONDS))
        self._ids = [id for id, _ in entries]
        return [_create_event(id, fields or {}) for id, fields in entries]

    def _read(self, count: int, seconds: float | None, start: str = '>'
              ) -> _Entries:
        with translate_errors():
            answer = self._client.xreadgroup(
                self._group, CONSUMER, {self._stream: start}, count=count,
                block=None if seconds is None else max(
                    1, int(seconds * 1000)))
        streams = answer.values() if isinstance(answer, dict) else [
            entries for _, entries in answer or ()]
        result: _Entries = []
        for entries in streams:
            # Some protocols have lists of batches.
            result += (entries[0] if entries and isinstance(
                entries[0], list) else entries)
        return result

    def acknowledge(self) -> None:
        """Acknowledge the entries of the last batch."""
        if self._ids:
            with translate_errors():
                self._client.xack(self._stream, self._group, *self._ids)
        self._ids = []

    def measure(self) -> base.Lag:
        """Return the number of unread entries, and the age of the first."""
        with translate_errors():
            group = next(group for group in self._client.xinfo_groups(
                self._stream) if _text(group['name']) == self._group)
            last = _text(group['last-delivered-id'])
            oldest = self._client.xrange(self._stream, f'({last}', count=1)
            waiting = group.get('lag')
            if waiting is None:
                # Redis before 7 does not count, nor after deletions.
                waiting = len(self._client.xrange(
                    self._stream, f'({last}', count=1000))
        if not oldest:
            return base.Lag(0, 0)
        age = time.time() - int(_text(oldest[0][0]).partition('-')[0]) / 1000
        return base.Lag(int(waiting), max(age, 0))

    def close(self) -> None:
        """Close the connection; raise nothing."""
        with contextlib.suppress(Exception):
            self._client.close()
            self._client.connection_pool.disconnect()


def _create_event(id: bytes, fields: Mapping[bytes, bytes]) -> base.Event:
    name = _text(id)
    milliseconds = int(name.partition('-')[0])
    try:
        at = datetime.datetime.fromtimestamp(
            milliseconds / 1000, datetime.timezone.utc).isoformat()
    except (ValueError, OverflowError):
        at = None
    return base.Event(
        {_text(key): base.decode_body(value)[0]
         for key, value in fields.items()},
        sum(len(key) + len(value) for key, value in fields.items()),
        name, time=at)


def _text(value: bytes | str) -> str:
    return (value.decode(errors='replace') if isinstance(value, bytes)
            else value)
