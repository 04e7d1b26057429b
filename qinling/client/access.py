# SPDX-License-Identifier: Apache-2.0
"""Endpoint and authentication of the shell."""

from __future__ import annotations

import argparse
import functools
import os
import typing

from qinling.client import v1

if typing.TYPE_CHECKING:
    from qinling.client import http

#: Where qinling-standalone listens by default.
DEFAULT_URL = 'http://127.0.0.1:7070'
#: Authentication types that need no keystoneauth1, and their options.
DIRECT = {'none': ('endpoint',),
          'http_basic': ('username', 'password', 'endpoint')}
#: Authentication types without a catalog to find the endpoint in.
WITHOUT_CATALOG = (*DIRECT, 'admin_token')
HELP = {'endpoint': 'URL of the server.', 'username': 'Name of the user.',
        'password': 'Password of the user.'}


def add_options(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Add the global options, with those of the authentication type."""
    env = os.environ.get
    parser.add_argument(
        '--qinling-url', metavar='<url>', default=env('QINLING_URL'),
        help='URL of the server, without /v1; default is the endpoint in the '
             f'catalog of Keystone, or {DEFAULT_URL} without Keystone '
             '(Env: QINLING_URL)')
    parser.add_argument(
        '--os-cloud', metavar='<name>', default=env('OS_CLOUD'),
        help='Name of a cloud in clouds.yaml (Env: OS_CLOUD)')
    parser.add_argument(
        '--os-region-name', metavar='<name>', default=env('OS_REGION_NAME'),
        help='Region of the endpoint (Env: OS_REGION_NAME)')
    parser.add_argument(
        '--os-interface', metavar='<name>',
        default=env('OS_INTERFACE', 'public'),
        help='Interface of the endpoint: public, internal or admin '
             '(Env: OS_INTERFACE)')
    parser.add_argument(
        '--os-cacert', metavar='<file>', default=env('OS_CACERT'),
        help='Certificates that verify the servers (Env: OS_CACERT)')
    parser.add_argument(
        '--insecure', action='store_true',
        help='Do not verify the certificates of servers.')
    auth_type = _find_auth_type(argv)
    if auth_type not in DIRECT:
        from qinling.client import keystone

        keystone.add_options(parser, argv, auth_type)
        return
    parser.add_argument(
        '--os-auth-type', '--os-auth-plugin', metavar='<name>',
        default=auth_type, help='Authentication type to use')
    for name in DIRECT[auth_type]:
        parser.add_argument(
            f'--os-{name}', metavar=f'<{name}>', default=env(
                f'OS_{name.upper()}'),
            help=f'{HELP[name]} (Env: OS_{name.upper()})')


def _find_auth_type(argv: list[str]) -> str:
    """Return the authentication type on the command line or in the
    environment; ``password`` if the URL of a Keystone is set, else ``none``.
    """
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument('--os-auth-type', '--os-auth-plugin', nargs='?',
                        default=os.environ.get('OS_AUTH_TYPE'))
    finder.add_argument('--os-auth-url', nargs='?',
                        default=os.environ.get('OS_AUTH_URL'))
    options, _words = finder.parse_known_args(argv)
    auth_type: str | None = options.os_auth_type
    return auth_type or ('password' if options.os_auth_url else 'none')


class ClientManager:
    """Provider of the Python client, with the interface of the client
    manager of OpenStackClient.

    :param indicator: shown while the user waits for the server.
    """

    def __init__(self, options: argparse.Namespace,
                 indicator: http.Indicator) -> None:
        self._options = options
        self._indicator = indicator

    @functools.cached_property
    def function_engine(self) -> v1.Client:
        """Return the Python client.

        :raises ClientError: if the options do not suffice to authenticate.
        """
        return v1.Client(
            sender=self._create_sender(), indicator=self._indicator)

    @property
    def url(self) -> str | None:
        """Return the URL of the server, ``None`` if a catalog decides."""
        options = self._options
        url: str | None = options.qinling_url
        if not url and options.os_auth_type in WITHOUT_CATALOG:
            url = getattr(options, 'os_endpoint', None) or DEFAULT_URL
        return url

    def _create_sender(self) -> http.Sender:
        options = self._options
        is_direct = options.os_auth_type in DIRECT and not options.os_cloud
        if is_direct and self.url and not _has_proxy():
            from qinling.client import direct

            login = None
            if options.os_auth_type == 'http_basic':
                login = (options.os_username or '', options.os_password or '')
            return direct.Sender(
                self.url, not options.insecure and (
                    options.os_cacert or True), login)
        if options.os_cloud:
            # The import takes a third of a second.
            from qinling.client import clouds

            return clouds.create_sender(options)
        from qinling.client import keystone

        return keystone.create_sender(options, self.url)


def _has_proxy() -> bool:
    """Return whether requests could have to use a proxy."""
    return any(os.environ.get(name.upper()) or os.environ.get(name)
               for name in ('http_proxy', 'https_proxy', 'all_proxy'))
