# SPDX-License-Identifier: Apache-2.0
"""Strategy ``noauth``: one project, and every caller is an admin.

Identity headers of requests are ignored.
"""

import ipaddress
import socket
from wsgiref import types as wsgi_types

from oslo_config import cfg

from qinling.api import identity
from qinling import context


def create(_conf: cfg.ConfigOpts) -> identity.Strategy:
    """Return the strategy; see :mod:`qinling.api.identity`."""
    return AdminIdentity()


class AdminIdentity:
    """Identification of every caller as the same admin."""

    def identify(self, environ: wsgi_types.WSGIEnvironment
                 ) -> context.RequestContext:
        """Return the context of the caller; see the strategies."""
        return context.RequestContext(
            project_id='default', user_id='default', is_admin=True,
            roles=['admin'], request_id=environ.get('openstack.request_id'))


def is_open_to_network(conf: cfg.ConfigOpts) -> bool:
    """Return whether the options leave the protection to the address."""
    return (conf.api.auth_strategy == 'noauth'
            and not conf.api.allow_noauth_on_network)


def check_address(conf: cfg.ConfigOpts, host: str, option: str) -> None:
    """Reject an address that lets other machines in without an identity.

    :param option: the option with the address, for the sentence.
    :raises ValueError: the options are not valid together.
    """
    if is_open_to_network(conf) and not _is_loopback(host):
        raise ValueError(
            f'[api] auth_strategy is noauth, so everyone who can reach '
            f'{host} would have all rights. Set [api] auth_strategy to '
            f'http_basic or keystone, or {option} to 127.0.0.1; or set [api] '
            'allow_noauth_on_network = true if only trusted users can reach '
            'the address.')


def _is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address or name.

    An unknown name counts as loopback; the server cannot listen on the name.
    """
    try:
        infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return True
    addresses = [ipaddress.ip_address(str(info[4][0]).partition('%')[0])
                 for info in infos]
    return all((getattr(address, 'ipv4_mapped', None) or address).is_loopback
               for address in addresses)
