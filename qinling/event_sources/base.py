# SPDX-License-Identifier: Apache-2.0
"""Contract of the drivers of event sources.

A module of this package is a kind of event source, and has a class
``Driver``.  Drivers raise ``ValueError`` for settings of users, and else
:class:`qinling.exception.TemporaryError`, with a sentence for the user: the
engine connects again after a pause.
"""

import abc
import base64
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import typing
from urllib import parse

from qinling.event_sources import addresses
from qinling import strict_json

#: Characters of a text in the settings.
MAX_TEXT_LENGTH = 1024
#: Elements of a list in the settings.
MAX_LIST_LENGTH = 100
#: Seconds for which one call waits for a first event, and for a connection.
WAIT_SECONDS, CONNECT_SECONDS = 1.0, 10.0
LOGIN = ('username', 'password')


@dataclasses.dataclass(frozen=True)
class Event:
    """An event.

    ``body`` is a JSON value, ``size`` its bytes.  ``id`` is the same whenever
    the event is read again, ``None`` if the source has no ids.  An event with
    a ``fault`` can never be handled; the fault is a sentence.
    """

    body: typing.Any
    size: int
    id: str | None = None
    type: str | None = None
    time: str | None = None
    attributes: Mapping[str, typing.Any] = dataclasses.field(
        default_factory=dict)
    fault: str | None = None


@dataclasses.dataclass(frozen=True)
class Lag:
    """Number of waiting events, and age of the oldest one in seconds."""

    waiting: int | None = None
    seconds: float | None = None


@dataclasses.dataclass(frozen=True)
class Access:
    """What a driver needs to open a source.

    ``position`` is the last value of :attr:`Reader.position`, if any;
    ``limit`` the number of events of a batch.
    """

    source_id: str
    settings: Mapping[str, typing.Any]
    credentials: Mapping[str, str] = dataclasses.field(repr=False)
    guard: addresses.Guard
    position: str | None
    limit: int


class Reader(abc.ABC):
    """Open source; used by one thread."""

    #: Where to go on, for a source that does not keep the place itself.
    position: str | None = None

    @abc.abstractmethod
    def receive(self, seconds: float) -> Sequence[Event]:
        """Return the next batch, empty if no event came within a second.

        :param seconds: time to wait for a full batch after the first event.
        """

    @abc.abstractmethod
    def acknowledge(self) -> None:
        """Let the source forget the last batch."""

    @abc.abstractmethod
    def measure(self) -> Lag:
        """Return how many events wait."""

    @abc.abstractmethod
    def close(self) -> None:
        """Close the connection; raise nothing."""


class Driver(abc.ABC):
    """Kind of event source."""

    #: Names of the credentials.
    CREDENTIALS: typing.ClassVar[tuple[str, ...]] = LOGIN

    @staticmethod
    @abc.abstractmethod
    def parse(settings: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
        """Return the settings to store, with defaults.

        :raises ValueError: a setting is wrong.
        """

    @staticmethod
    @abc.abstractmethod
    def open(access: Access) -> Reader:
        """Connect to the source."""


#: Default of a setting that users have to choose.
REQUIRED: typing.Any = object()


def parse_fields(settings: Mapping[str, typing.Any],
                 defaults: Mapping[str, typing.Any]
                 ) -> dict[str, typing.Any]:
    """Return texts, and lists of texts, by name.

    :param defaults: value of each missing setting; a list for a list.
    :raises ValueError: a name is unknown, or a value is of another type.
    """
    unknown = sorted(set(settings) - set(defaults))
    if unknown:
        raise ValueError(f'settings has no {unknown[0][:64]!r}; it may have: '
                         f'{", ".join(defaults)}.')
    return {name: _parse_field(name, settings.get(name), default)
            for name, default in defaults.items()}


def _parse_field(name: str, value: typing.Any, default: typing.Any
                 ) -> typing.Any:
    if value is None:
        if default is REQUIRED:
            raise ValueError(f'settings needs {name}.')
        return default
    is_list = isinstance(default, list)
    items = value if is_list else [value]
    if not (isinstance(items, list) and 0 < len(items) <= MAX_LIST_LENGTH
            and all(isinstance(item, str)
                    and 0 < len(item) <= MAX_TEXT_LENGTH
                    and item.isprintable() for item in items)):
        raise ValueError(f'{name} of settings must be '
                         f'{"a list of texts" if is_list else "a text"}.')
    return value


def parse_url(text: str, schemes: Sequence[str]) -> parse.SplitResult:
    """Return the parts of a URL of a server.

    :raises ValueError: the URL is not valid, or contains a password.
    """
    url = parse.urlsplit(text)
    if url.scheme not in schemes or not url.hostname:
        raise ValueError(f'url of settings must be {schemes[0]}://HOST or '
                         f'{schemes[0]}://HOST:PORT, or {schemes[-1]} for '
                         'TLS.')
    if '@' in url.netloc:
        raise ValueError('url of settings must not contain a password; send '
                         'username and password as credentials.')
    if url.query or url.fragment:
        raise ValueError('url of settings must not contain "?" or "#".')
    if url.port == 0:
        raise ValueError('url of settings must not have the port 0.')
    return url


def decode_body(data: bytes, is_json: bool = False
                ) -> tuple[typing.Any, str | None]:
    """Return bytes as a JSON value, and the fault of malformed JSON.

    Bytes that are no text become ``{"base64": ...}``.
    """
    fault = None
    if is_json:
        try:
            return strict_json.loads(data, rounded=True), None
        except ValueError as e:
            fault = f'The body is no JSON although it should be: {e}'
    try:
        return data.decode(), fault
    except UnicodeDecodeError:
        return {'base64': base64.b64encode(data).decode()}, fault
