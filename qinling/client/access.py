# SPDX-License-Identifier: Apache-2.0
"""Where the server is, and how one logs in there, for the shell."""

import functools
import os

from keystoneauth1 import exceptions as keystone
from keystoneauth1 import loading
from keystoneauth1 import session as sessions

from qinling.client import exceptions
from qinling.client import http
from qinling.client import v1

#: Where qinling-standalone listens unless told otherwise.
DEFAULT_URL = 'http://127.0.0.1:7070'
#: Ways to log in that have no catalog to look the endpoint up in.
WITHOUT_CATALOG = ('none', 'http_basic', 'admin_token')


def add_options(parser, argv):
    """Add the global options, with those of the way to log in."""
    env = os.environ.get
    parser.add_argument(
        '--qinling-url', metavar='<url>', default=env('QINLING_URL'),
        help='Where the server is, without /v1; default is the catalog of '
             f'Keystone, or {DEFAULT_URL} without Keystone '
             '(Env: QINLING_URL)')
    parser.add_argument(
        '--os-cloud', metavar='<name>', default=env('OS_CLOUD'),
        help='A cloud in clouds.yaml (Env: OS_CLOUD)')
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
        help='Certificates to check the servers with (Env: OS_CACERT)')
    parser.add_argument(
        '--insecure', action='store_true',
        help='Do not check the certificates of servers.')
    try:
        loading.register_auth_argparse_arguments(
            parser, argv, default=_default_type(argv))
    except keystone.NoMatchingPlugin as e:
        parser.error(str(e))


def _default_type(argv):
    """How to log in when nobody says how: with a password, if there is a
    Keystone."""
    known = os.environ.get('OS_AUTH_URL') or any(
        word.split('=')[0] == '--os-auth-url' for word in argv)
    return 'password' if known else 'none'


class Manager:
    """What commands reach the service through, as OpenStackClient has it."""

    def __init__(self, options):
        self._options = options

    @functools.cached_property
    def function_engine(self):
        """The Python client."""
        try:
            if self._options.os_cloud:
                return self._of_cloud()
            return self._of_options()
        except keystone.ClientException as e:
            raise exceptions.ClientError(str(e))

    def _of_options(self):
        options = self._options
        auth = loading.load_auth_from_argparse_arguments(options)
        url = options.qinling_url
        if not url and options.os_auth_type in WITHOUT_CATALOG:
            url = getattr(options, 'os_endpoint', None) or DEFAULT_URL
        session = sessions.Session(
            auth, verify=not options.insecure and (options.os_cacert or True))
        return v1.Client(url, session, interface=options.os_interface,
                         region_name=options.os_region_name)

    def _of_cloud(self):
        # It takes a third of a second to import, so only who needs it pays.
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
