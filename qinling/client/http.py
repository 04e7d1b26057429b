# SPDX-License-Identifier: Apache-2.0
"""Requests to the service, over any sender."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import http
import http.client
import re
import typing
import urllib.parse

from qinling.client import exceptions

#: Beginning of the sentence about a path that the server does not know.
NO_PATH = 'There is nothing at '
#: Type of the service in the catalog of Keystone.
SERVICE_TYPE = 'function-engine'
#: Path of the API below the root of the service.
VERSION = '/v1'
#: Seconds to wait for a connection, and for the next bytes of an answer.
CONNECT_SECONDS, READ_SECONDS = 30, 120
#: Seconds to wait for bytes of an answer that depend on an execution; an
#: execution may take a day.
EXECUTION_READ_SECONDS = 86400 + READ_SECONDS


def drop_none(fields: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """Return the members that are not ``None``."""
    return {name: value for name, value in fields.items()
            if value is not None}


def build_path(*parts: str | int) -> str:
    """Return the path of a resource, each part quoted."""
    return f'{VERSION}/' + '/'.join(
        urllib.parse.quote(str(part), safe='') for part in parts)


def strip_version(endpoint: str) -> str:
    """Return the root of the service for a URL with or without ``/v1``."""
    return endpoint.rstrip('/').removesuffix(VERSION).rstrip('/')


class Response(typing.Protocol):
    """Answer of a server, like ``requests.Response``."""

    status_code: int
    reason: typing.Any
    headers: typing.Any

    @property
    def content(self) -> typing.Any:
        """Return the bytes of the body."""

    @property
    def text(self) -> str:
        """Return the text of the body."""

    def json(self) -> typing.Any:
        """Return the decoded body."""

    def iter_content(self, size: int) -> Iterator[bytes]:
        """Yield the body in chunks."""


class Sender(typing.Protocol):
    """Sender of requests to one endpoint."""

    def send(self, method: str, path: str, **options: typing.Any
             ) -> Response:
        """Return the answer to a request, of any status.

        :param options: ``json``, ``data``, ``params``, ``headers``,
            ``stream``, ``log`` (false for a request with secrets), and
            ``timeout`` (seconds to wait for the next bytes).
        :raises ClientError: if there is no answer.
        """


class Indicator:
    """Sign for a waiting user; invisible unless a subclass shows one."""

    def show(self) -> contextlib.AbstractContextManager[None]:
        """Return a context around the time in which the user waits."""
        return contextlib.nullcontext()


class Transport:
    """Interpreter of the answers of a sender.

    :param indicator: shown during requests and waits.
    """

    def __init__(self, sender: Sender, indicator: Indicator) -> None:
        self._sender = sender
        self.indicator = indicator

    def request(self, method: str, path: str,
                **options: typing.Any) -> Response:
        """Return the response to an accepted request.

        :param options: passed on to the sender.
        :raises HttpError: if the server rejects the request.
        :raises Unreachable: if no server answers.
        :raises ClientError: if the request cannot be sent, for instance
            because of a rejection by Keystone.
        """
        options.setdefault('timeout', READ_SECONDS)
        with self.indicator.show():
            response = self._sender.send(method, path, **options)
        if response.status_code >= 400:
            raise _create_error(response)
        return response

    def iterate_pages(self, path: str, key: str,
                      query: Mapping[str, typing.Any]
                      ) -> Iterator[dict[str, typing.Any]]:
        """Yield every item of a list, page after page.

        Only the query of the link ``next`` counts: behind a proxy, the
        client may not be able to reach the host in the link.
        """
        page = read_json(self.request('GET', path, params=query))
        yield from page[key]
        while link := page.get('next'):
            page = read_json(self.request(
                'GET', path, params=urllib.parse.parse_qsl(
                    urllib.parse.urlsplit(link).query)))
            yield from page[key]


def read_json(response: Response) -> typing.Any:
    """Return the decoded body of an answer.

    :raises ForeignServer: if the body is not JSON.
    """
    try:
        return response.json()
    except ValueError:
        raise exceptions.ForeignServer(
            'The answer is not JSON. Is the URL the URL of a Qinling server?')


def describe_silence(error: BaseException, url: str) -> str:
    """Return why no server answered; the error of the operating system is
    at the bottom of the chain of causes."""
    sentence = str(error)
    for cause in _list_causes(error):
        sentence = _describe_cause(cause, url) or sentence
    return sentence


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all causes; urllib3 keeps causes in members."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        for inner in (getattr(cause, 'reason', None), *cause.args):
            if isinstance(inner, BaseException):
                yield from _list_causes(inner)
        cause = cause.__cause__ or cause.__context__


def _describe_cause(cause: BaseException, url: str) -> str | None:
    """Return a sentence for a cause that explains the silence."""
    if isinstance(cause, TimeoutError) and not cause.strerror:
        return (f'No answer from {url} in time. The server is overloaded, or '
                'another service is running there.')
    if isinstance(cause, http.client.RemoteDisconnected):
        return (f'No answer from {url}: the connection was closed. Is a '
                'Qinling server running there?')
    if isinstance(cause, http.client.BadStatusLine):
        return (f'The answer of {url} is not HTTP: another service than '
                'Qinling is running there.')
    if isinstance(cause, OSError) and cause.strerror:
        return (f'No answer from {url}: {cause.strerror}. Is the server '
                'running there?')
    return None


def _create_error(response: Response) -> exceptions.HttpError:
    """Return the error of an answer; the body from a proxy may be HTML or
    empty."""
    try:
        sentence = response.json()['faultstring']
    except (ValueError, KeyError, TypeError):
        sentence = ' '.join(re.sub('<[^<>]*>', ' ', response.text).split())
        if response.status_code == 404:
            sentence += ' Is the URL the URL of a Qinling server?'
    if not sentence:
        sentence = response.reason or http.HTTPStatus(
            response.status_code).phrase
    if sentence.startswith(NO_PATH):
        sentence = ('The server does not know this operation; it may be older '
                    'than the client')
    if response.status_code == 404:
        return exceptions.NotFound(sentence)
    # A signature that is not valid is 401, too.
    if response.status_code == 401 and 'WWW-Authenticate' in response.headers:
        return exceptions.Unauthorized(sentence)
    return exceptions.HttpError(response.status_code, sentence)
