# SPDX-License-Identifier: Apache-2.0
"""Events from the objects of a container in Swift.

Swift has no queue of changes, so the driver lists the objects behind a
marker, the name of the last accepted object.  Names have to rise, such as
names that begin with a time; an object whose name is before the marker is no
event.  The source logs in with an application credential of Keystone, which
the owner can limit and revoke.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import datetime
import itertools
import json
import time
import typing
from urllib import parse

from qinling.event_sources import base
from qinling.event_sources import web
from qinling import exception
from qinling import strict_json

SCHEMES = ('http', 'https')
#: Seconds between two listings of a container without new objects.
POLL_SECONDS = 5
#: Age of the objects of a batch: servers of Swift may list an object later
#: than another one that was written after it.
SETTLE_SECONDS = 2
#: Objects of one listing for the lag, and of one batch.
MAX_LISTED = 1000


class Driver(base.Driver):
    """Container of Swift."""

    CREDENTIALS = ('application_credential_id',
                   'application_credential_secret')

    @staticmethod
    def parse(settings: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
        """Return ``url``, ``region``, ``container``, ``prefix``, ``marker``.
        """
        fields = base.parse_fields(settings, {
            'url': base.REQUIRED, 'container': base.REQUIRED,
            'region': '', 'prefix': '', 'marker': ''})
        base.parse_url(fields['url'], SCHEMES)
        if '/' in fields['container'] or len(
                fields['container'].encode()) > 256:
            raise ValueError('container of settings must be the name of a '
                             'container, without "/".')
        return fields

    @staticmethod
    def open(access: base.Access) -> base.Reader:
        """Return the reader of the container."""
        return Reader(access)


class Reader(base.Reader):
    """Container with open connections to Swift."""

    def __init__(self, access: base.Access) -> None:
        self._access = access
        self._settings = access.settings
        self.position = access.position
        self._next_poll = 0.0
        self._token = ''
        self._path = ''
        self._client: web.Client | None = None
        try:
            self._log_in()
        except BaseException:
            self.close()
            raise

    def _log_in(self) -> None:
        """Get a token and the address of Swift from Keystone."""
        names = Driver.CREDENTIALS
        id, secret = (self._access.credentials.get(name) for name in names)
        if not id or not secret:
            raise exception.TemporaryError(
                f'The source has no credentials; set {names[0]} and '
                f'{names[1]}.')
        with contextlib.closing(web.Client(
                self._settings['url'], self._access.guard)) as keystone:
            answer = keystone.send('POST', '/auth/tokens', json.dumps({
                'auth': {'identity': {
                    'methods': ['application_credential'],
                    'application_credential': {
                        'id': id, 'secret': secret}}}}).encode())
        if answer.status != 201:
            raise exception.TemporaryError(
                'Keystone refuses the application credential: '
                f'{answer.status}.' if answer.status in (401, 403, 404)
                else f'Keystone answers with {answer.status}.')
        self._token = answer.headers.get('X-Subject-Token', '')
        url = find_endpoint(read_json(answer.body), self._settings['region'])
        self.close()
        self._client = web.Client(url, self._access.guard)

    def _list(self, marker: str, limit: int) -> list[dict[str, typing.Any]]:
        """Return objects behind a marker."""
        assert self._client is not None
        query = parse.urlencode({
            'format': 'json', 'limit': limit, 'marker': marker,
            'prefix': self._settings['prefix']})
        path = f'/{parse.quote(self._settings["container"])}?{query}'
        answer = self._client.send('GET', path, token=self._token)
        if answer.status == 401:
            # The token has expired.
            self._log_in()
            answer = self._client.send('GET', path, token=self._token)
        if answer.status == 404:
            raise exception.TemporaryError(
                f'There is no container {self._settings["container"]} in '
                'the project of the application credential.')
        if answer.status in (401, 403):
            raise exception.TemporaryError(
                'Swift refuses the access to the container; check the roles '
                'of the application credential.')
        if answer.status not in (200, 204):
            raise exception.TemporaryError(
                f'Swift answers with {answer.status}.')
        rows = read_json(answer.body or b'[]')
        if not isinstance(rows, list):
            raise exception.TemporaryError('Swift answers with no list.')
        return [row for row in rows if isinstance(row, dict)
                and isinstance(row.get('name'), str)]

    @property
    def _marker(self) -> str:
        if self.position is None:
            return str(self._settings['marker'])
        return self.position

    def receive(self, seconds: float) -> Sequence[base.Event]:
        """Return the next objects as events."""
        pause = self._next_poll - time.monotonic()
        if pause > 0:
            time.sleep(min(pause, base.WAIT_SECONDS))
            if pause > base.WAIT_SECONDS:
                return []
        rows = self._list_settled()
        if rows and len(rows) < self._limit and seconds:
            time.sleep(seconds)
            rows = self._list_settled()
        if len(rows) < self._limit:
            self._next_poll = time.monotonic() + POLL_SECONDS
        if rows:
            self.position = rows[-1]['name']
        return [create_event(self._settings['container'], row)
                for row in rows]

    @property
    def _limit(self) -> int:
        return min(self._access.limit, MAX_LISTED)

    def _list_settled(self) -> list[dict[str, typing.Any]]:
        return list(itertools.takewhile(
            lambda row: measure_age(row) >= SETTLE_SECONDS,
            self._list(self._marker, self._limit)))

    def acknowledge(self) -> None:
        """Acknowledge nothing: the position is in the database."""

    def measure(self) -> base.Lag:
        """Return the objects behind the marker, at most MAX_LISTED."""
        rows = self._list(self._marker, MAX_LISTED)
        return base.Lag(len(rows), max(
            [0.0, *(measure_age(row) for row in rows[:1])]))

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()


def read_json(data: bytes) -> typing.Any:
    """Return the JSON value of an answer.

    :raises TemporaryError: the answer is no JSON.
    """
    try:
        return strict_json.loads(data, rounded=True)
    except ValueError as e:
        raise exception.TemporaryError(
            f'The server answers with no JSON: {e}') from e


def find_endpoint(answer: typing.Any, region: str) -> str:
    """Return the public URL of Swift in the catalog of a token.

    :raises TemporaryError: the catalog has none.
    """
    with contextlib.suppress(KeyError, TypeError):
        for service in answer['token']['catalog']:
            if service['type'] != 'object-store':
                continue
            for endpoint in service['endpoints']:
                if endpoint['interface'] == 'public' and (
                        not region or endpoint['region_id'] == region):
                    return str(endpoint['url'])
    raise exception.TemporaryError(
        'The catalog of Keystone has no public endpoint of Swift'
        + (f' in the region {region}.' if region else '.'))


def measure_age(row: Mapping[str, typing.Any]) -> float:
    """Return the age of an object in seconds."""
    try:
        written_at = datetime.datetime.fromisoformat(
            str(row['last_modified'])).replace(tzinfo=datetime.timezone.utc)
    except (KeyError, ValueError):
        return float(SETTLE_SECONDS)
    return time.time() - written_at.timestamp()


def create_event(container: str, row: Mapping[str, typing.Any]
                 ) -> base.Event:
    """Return the event of an object."""
    body = {'container': container, **{
        name: row.get(name) for name in (
            'name', 'bytes', 'hash', 'content_type', 'last_modified')}}
    written_at = row.get('last_modified')
    return base.Event(
        body, len(json.dumps(body)), f'{row.get("hash")}/{row["name"]}',
        'object', f'{written_at}Z' if written_at else None)
