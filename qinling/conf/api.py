# SPDX-License-Identifier: Apache-2.0
"""Options of the REST API."""

from oslo_config import cfg

GROUP = 'api'
GROUP_HELP = 'The REST API.'

OPTS = [
    cfg.HostAddressOpt(
        'host', default='0.0.0.0',
        help='Address that the API listens on. With auth_strategy = noauth, '
             'an address other than a loopback address needs '
             'allow_noauth_on_network.'),
    cfg.PortOpt(
        'port', default=7070, min=0,
        help='Port that the API listens on; 0 selects a free port.'),
    cfg.IntOpt(
        'threads', default=64, min=1,
        help='Number of requests that one API process serves concurrently. '
             'A synchronous execution occupies a thread until the end. One '
             'function may occupy up to twice the number of free threads, '
             'and one project three times the number; further requests get '
             'status 429.'),
    cfg.IntOpt(
        'stop_timeout', default=20, min=1,
        help='Seconds that a stopping API process waits for requests in '
             'progress.'),
    cfg.IntOpt(
        'max_body_size', default=6 * 1024 * 1024, min=1024, mutable=True,
        help='Maximum size of the JSON or form body of a request in bytes; '
             'larger bodies get status 413. [resource_limits] '
             'max_package_size limits packages.'),
    cfg.IntOpt(
        'max_page_size', default=0, min=0, mutable=True,
        help='Maximum number of items in one answer to a list request. 0 '
             'means no limit: a request without "limit" gets all items, as '
             'clients that do not follow "next" links expect.'),
    cfg.IntOpt(
        'max_wait', default=60, min=0, mutable=True,
        help='Maximum number of seconds that a request waits for the end of '
             'an asynchronous execution ("Prefer: wait=SECONDS"); 0 answers '
             'such requests immediately. A wait occupies a thread under the '
             'same limits as a synchronous execution; without a free thread, '
             'the answer is immediate.'),
    cfg.StrOpt(
        'auth_strategy', default='noauth', choices=[
            ('noauth', 'no identity; every resource belongs to the project '
                       '"default"'),
            ('http_basic', 'users with passwords, see [http_basic]'),
            ('keystone', 'tokens of Keystone, see [keystone_authtoken]')],
        help='Strategy that identifies callers.'),
    cfg.BoolOpt(
        'allow_noauth_on_network', default=False,
        help='Allow auth_strategy = noauth together with an address that '
             'other machines can reach. Everyone who can connect has all '
             'rights, also the right to run code on the workers.'),
    cfg.BoolOpt(
        'ui', default=True,
        help='Serve the web interface at /ui/. It uses the API with the '
             'identity of its user, and so needs no rights of its own.'),
    cfg.BoolOpt(
        'enable_proxy_headers_parsing', default=False,
        help='Use the X-Forwarded-* headers of a proxy to build links. '
             'Enable the option only behind a proxy that replaces these '
             'headers.'),
]
