# SPDX-License-Identifier: Apache-2.0
"""Requests with the authentication and the catalog of keystoneauth1."""

import argparse
import typing

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as keystone
from keystoneauth1 import loading
from keystoneauth1 import session as sessions

from qinling.client import exceptions
from qinling.client import http


class Sender:
    """Sender of requests over a session of keystoneauth1.

    :param endpoint: takes precedence over the catalog of the session.
    :param region_name: region of the catalog entry.
    :param interface: interface of the catalog entry; a list is in order of
        preference.
    """

    def __init__(self, session: sessions.Session,
                 endpoint: str | None = None,
                 region_name: str | None = None,
                 interface: str | list[str] | None = None) -> None:
        self.adapter = adapter.Adapter(
            session, service_type=http.SERVICE_TYPE,
            endpoint_override=endpoint and http.strip_version(endpoint),
            user_agent='qinling',
            region_name=region_name, interface=interface)

    def send(self, method: str, path: str, **options: typing.Any
             ) -> http.Response:
        """Return the answer to a request; see :class:`http.Sender`."""
        if self.adapter.session.timeout is not None:
            # The session of the caller decides.
            del options['timeout']
        elif seconds := options.get('timeout'):
            options['timeout'] = (min(http.CONNECT_SECONDS, seconds), seconds)
        try:
            response: http.Response = self.adapter.request(
                path, method, raise_exc=False, **options)
        except keystone.ConnectionError as e:
            request = getattr(e.__context__, 'request', None)
            url = 'the server' if request is None else request.url
            raise exceptions.Unreachable(http.describe_silence(
                e, url.partition('?')[0]))
        except keystone.ClientException as e:
            raise exceptions.ClientError(str(e))
        return response


def add_options(parser: argparse.ArgumentParser, argv: list[str],
                default: str) -> None:
    """Add the options of the authentication type."""
    try:
        loading.register_auth_argparse_arguments(
            parser, argv, default=default)
    except keystone.NoMatchingPlugin as e:
        parser.error(str(e))


def create_sender(options: argparse.Namespace, endpoint: str | None
                  ) -> Sender:
    """Return a sender for the options of the shell.

    :raises ClientError: if the options do not suffice to authenticate.
    """
    try:
        auth = loading.load_auth_from_argparse_arguments(options)
    except keystone.ClientException as e:
        raise exceptions.ClientError(str(e))
    session = sessions.Session(
        auth, verify=not options.insecure and (options.os_cacert or True))
    return Sender(session, endpoint, options.os_region_name,
                  options.os_interface)
