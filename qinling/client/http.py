# SPDX-License-Identifier: Apache-2.0
"""Requests to the service, over a session of keystoneauth1."""

from collections.abc import Iterator
from collections.abc import Mapping
import http
import re
import typing
import urllib.parse

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as keystone
from keystoneauth1 import noauth
from keystoneauth1 import session as sessions
import requests

from qinling.client import exceptions

#: Type of the service in the catalog of Keystone.
SERVICE_TYPE = 'function-engine'


def create_session(endpoint: str | None) -> sessions.Session:
    """Return a session for a server without authentication."""
    return sessions.Session(auth=noauth.NoAuth(endpoint=endpoint))


def drop_none(fields: Mapping[str, typing.Any]) -> dict[str, typing.Any]:
    """Return the members that are not ``None``."""
    return {name: value for name, value in fields.items()
            if value is not None}


def build_path(*parts: str | int) -> str:
    """Return the path of a resource, each part quoted."""
    return '/v1/' + '/'.join(
        urllib.parse.quote(str(part), safe='') for part in parts)


class Transport:
    """Sender of requests to one endpoint.

    :param endpoint: takes precedence over the catalog of the session.
    :param region_name: region of the catalog entry.
    :param interface: interface of the catalog entry; a list is in order of
        preference.
    """

    def __init__(self, session: sessions.Session,
                 endpoint: str | None = None,
                 region_name: str | None = None,
                 interface: str | list[str] | None = None) -> None:
        self._adapter = adapter.Adapter(
            session, service_type=SERVICE_TYPE, endpoint_override=endpoint,
            user_agent='qinling', region_name=region_name,
            interface=interface)

    def request(self, method: str, path: str,
                **options: typing.Any) -> requests.Response:
        """Return the response to an accepted request.

        :param options: passed on to keystoneauth1.
        :raises HttpError: if the server rejects the request.
        :raises Unreachable: if no server answers.
        :raises ClientError: if the request cannot be sent, for instance
            because of a rejection by Keystone.
        """
        try:
            response = self._adapter.request(
                path, method, raise_exc=False, **options)
        except keystone.ConnectionError as e:
            raise exceptions.Unreachable(_explain_silence(e))
        except keystone.ClientException as e:
            raise exceptions.ClientError(str(e))
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
        page = self.request('GET', path, params=query).json()
        yield from page[key]
        while link := page.get('next'):
            page = self.request('GET', path, params=urllib.parse.parse_qsl(
                urllib.parse.urlsplit(link).query)).json()
            yield from page[key]


def _explain_silence(error: Exception) -> str:
    """Return why no server answered; the error of the operating system is
    at the bottom of the chain of causes."""
    sentence = str(error)
    cause: BaseException | None = error
    while cause and (cause := cause.__cause__ or cause.__context__):
        if isinstance(cause, OSError) and cause.strerror:
            request = getattr(error.__context__, 'request', None)
            server = request.url if request is not None else 'the server'
            sentence = (f'No answer from {server}: {cause.strerror}. Is the '
                        'server running there?')
    return sentence


def _create_error(response: requests.Response) -> exceptions.HttpError:
    """Return the error of an answer; the body from a proxy may be HTML or
    empty."""
    try:
        sentence = response.json()['faultstring']
    except (ValueError, KeyError, TypeError):
        sentence = ' '.join(re.sub('<[^>]*>', ' ', response.text).split())
    if not sentence:
        sentence = response.reason or http.HTTPStatus(
            response.status_code).phrase
    if response.status_code == 404:
        return exceptions.NotFound(sentence)
    return exceptions.HttpError(response.status_code, sentence)
