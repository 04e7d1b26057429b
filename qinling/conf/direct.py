# SPDX-License-Identifier: Apache-2.0
"""Options of direct connections from API to engines."""

from oslo_config import cfg

GROUP = 'direct'
GROUP_HELP = ('Direct connections from the API to the engines, for '
              'synchronous executions. The API finds the addresses of the '
              'engines in the database. If the API reaches no engine this '
              'way, the execution goes over the message bus.')

OPTS = [
    cfg.BoolOpt(
        'enabled', default=True,
        help='Whether engines accept direct connections, and the API opens '
             'them. Both sides prove with a secret from the database that '
             'they belong to the service. Without TLS, the inputs and '
             'results of executions are readable on the network, as on a '
             'message bus without TLS.'),
    cfg.HostAddressOpt(
        'host',
        help='Address that an engine listens on and the API connects to. By '
             'default, the address of the interface with the default route, '
             'or else 127.0.0.1. With TLS, the certificate must have this '
             'name.'),
    cfg.PortOpt(
        'port', min=0, default=0,
        help='Port that an engine listens on; 0 selects a free port. Each '
             'further process of [engine] workers takes the next free port '
             'after it.'),
    cfg.StrOpt(
        'tls_cert_file',
        help='File with the certificate of the engine and its chain, in PEM '
             'form. With a certificate, the engine speaks only TLS.'),
    cfg.StrOpt(
        'tls_key_file',
        help='File with the private key of the certificate, in PEM form, '
             'unless the certificate file has it.'),
    cfg.StrOpt(
        'tls_ca_file',
        help='File with the certificates of authorities, in PEM form, by '
             'which the API verifies engines. By default, the authorities '
             'of the system.'),
]
