# SPDX-License-Identifier: Apache-2.0
"""Requests to the service, over a session of keystoneauth1."""

import http
import re
import urllib.parse

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as keystone
from keystoneauth1 import noauth
from keystoneauth1 import session as sessions

from qinling.client import exceptions

#: The type of the service in the catalog of Keystone.
SERVICE_TYPE = 'function-engine'


def plain_session(endpoint):
    """A session for a server that asks nobody who he is."""
    return sessions.Session(auth=noauth.NoAuth(endpoint=endpoint))


def given(fields):
    """The members that are not ``None``."""
    return {name: value for name, value in fields.items()
            if value is not None}


def path(*parts):
    """The path of a resource, each part quoted."""
    return '/v1/' + '/'.join(
        urllib.parse.quote(str(part), safe='') for part in parts)


class Transport:
    """Makes requests, and errors of what goes wrong."""

    def __init__(self, session, endpoint=None, **selection):
        """``endpoint`` goes before the catalog; ``selection`` is
        ``region_name`` and ``interface``."""
        self._adapter = adapter.Adapter(
            session, service_type=SERVICE_TYPE, endpoint_override=endpoint,
            user_agent='qinling', **selection)

    def request(self, method, path, **how):
        """The ``requests.Response`` of a request that was accepted.

        :raises HttpError: with what the server said.
        :raises Unreachable: when nobody answers.
        :raises ClientError: when the request could not be made, for instance
            because Keystone refused.
        """
        try:
            response = self._adapter.request(
                path, method, raise_exc=False, **how)
        except keystone.ConnectionError as e:
            raise exceptions.Unreachable(_unanswered(e))
        except keystone.ClientException as e:
            raise exceptions.ClientError(str(e))
        if response.status_code >= 400:
            raise _error(response)
        return response

    def pages(self, path, key, query):
        """Every item of a list, page after page.

        Of the link ``next`` only the query is used: behind a proxy its host
        may be one that this side does not know.
        """
        while query is not None:
            page = self.request('GET', path, params=query).json()
            yield from page[key]
            following = page.get('next')
            query = following and urllib.parse.parse_qsl(
                urllib.parse.urlsplit(following).query)


def _unanswered(error):
    """Why nobody answered; at the bottom of it is what the system said."""
    sentence = str(error)
    cause = error
    while cause := cause.__cause__ or cause.__context__:
        if isinstance(cause, OSError) and cause.strerror:
            place = getattr(error.__context__, 'request', None)
            where = place.url if place is not None else 'the server'
            sentence = (f'No answer from {where}: {cause.strerror}. Is the '
                        'server running there?')
    return sentence


def _error(response):
    """What the server said; a proxy may answer HTML, or nothing."""
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
