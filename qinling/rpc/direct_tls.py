# SPDX-License-Identifier: Apache-2.0
"""TLS and sockets of direct connections, from the options."""

import errno
import socket
import ssl

from oslo_config import cfg
from oslo_utils import netutils

from qinling.rpc import direct_server

#: Ports to try after the configured one.
MAX_PORTS = 64


def create_client(conf: cfg.ConfigOpts) -> ssl.SSLContext:
    """Return the configuration of TLS for the API.

    :raises ValueError: the file of authorities cannot be used.
    """
    path = conf.direct.tls_ca_file
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as e:
        raise ValueError(f'[direct] tls_ca_file: cannot use {path}: {e}.')


def create_server(conf: cfg.ConfigOpts) -> ssl.SSLContext | None:
    """Return the configuration of TLS for an engine, if it has any.

    :raises ValueError: a file cannot be used.
    """
    options = conf.direct
    if not options.tls_cert_file:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(options.tls_cert_file, options.tls_key_file)
    except OSError as e:
        raise ValueError(
            '[direct] tls_cert_file and tls_key_file: cannot use '
            f'{options.tls_cert_file}: {e}.')
    return context


def listen(conf: cfg.ConfigOpts) -> socket.socket:
    """Return the listening socket of an engine.

    :raises ValueError: the address cannot be used.
    """
    host = conf.direct.host or netutils.get_my_ipv4() or '127.0.0.1'
    first = conf.direct.port
    for port in range(first, first + (MAX_PORTS if first else 1)):
        try:
            family = socket.getaddrinfo(host, port)[0][0]
            return socket.create_server((host, port), family=family,
                                        backlog=direct_server.BACKLOG)
        except OSError as e:
            if e.errno != errno.EADDRINUSE:
                raise ValueError(f'[direct] host: cannot listen on {host}: '
                                 f'{e}.')
    raise ValueError(f'[direct] port: none of the {MAX_PORTS} ports from '
                     f'{first} is free.')
