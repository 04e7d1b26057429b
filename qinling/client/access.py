# SPDX-License-Identifier: Apache-2.0
"""Endpoint and authentication of the shell."""

import argparse
import functools
import os

from keystoneauth1 import exceptions as keystone
from keystoneauth1 import loading
from keystoneauth1 import session as sessions

from qinling.client import exceptions
from qinling.client import http
from qinling.client import v1

#: Where qinling-standalone listens by default.
DEFAULT_URL = 'http://127.0.0.1:7070'
#: Authentication types without a catalog to find the endpoint in.
WITHOUT_CATALOG = ('none', 'http_basic', 'admin_token')


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
    try:
        loading.register_auth_argparse_arguments(
            parser, argv, default=_default_auth_type(argv))
    except keystone.NoMatchingPlugin as e:
        parser.error(str(e))


def _default_auth_type(argv: list[str]) -> str:
    """Return ``password`` if the URL of a Keystone is set, else ``none``."""
    has_keystone = os.environ.get('OS_AUTH_URL') or any(
        word.split('=')[0] == '--os-auth-url' for word in argv)
    return 'password' if has_keystone else 'none'


class ClientManager:
    """Provider of the Python client, with the interface of the client
    manager of OpenStackClient."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options

    @functools.cached_property
    def function_engine(self) -> v1.Client:
        """Return the Python client.

        :raises ClientError: if the options do not suffice to authenticate.
        """
        try:
            if self._options.os_cloud:
                return self._create_from_cloud()
            return self._create_from_options()
        except keystone.ClientException as e:
            raise exceptions.ClientError(str(e))

    def _create_from_options(self) -> v1.Client:
        options = self._options
        auth = loading.load_auth_from_argparse_arguments(options)
        url = options.qinling_url
        if not url and options.os_auth_type in WITHOUT_CATALOG:
            url = getattr(options, 'os_endpoint', None) or DEFAULT_URL
        session = sessions.Session(
            auth, verify=not options.insecure and (options.os_cacert or True))
        return v1.Client(url, session, interface=options.os_interface,
                         region_name=options.os_region_name)

    def _create_from_cloud(self) -> v1.Client:
        # The import takes a third of a second; only --os-cloud needs it.
        from openstack import config
        from openstack import exceptions as cloud

        options = self._options
        try:
            region = config.OpenStackConfig().get_one(
                cloud=options.os_cloud, region_name=options.os_region_name)
            session = region.get_session()
        except cloud.ConfigException as e:
            raise exceptions.ClientError(str(e))
        return v1.Client(
            options.qinling_url or region.get_endpoint(http.SERVICE_TYPE),
            session, region_name=region.get_region_name(http.SERVICE_TYPE),
            interface=region.get_interface(http.SERVICE_TYPE))
