# SPDX-License-Identifier: Apache-2.0
"""Addresses that functions may reach, and addresses that they must not."""

from collections.abc import Iterable
from collections.abc import Iterator
import ipaddress
import logging
import socket
import typing
from urllib import parse

from keystoneauth1 import exceptions
from oslo_config import cfg

from qinling import exception
from qinling.external import keystone

LOG = logging.getLogger(__name__)

MAX_PORT = 65535
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Networks with the addresses of the Internet.  All global IPv6 addresses
#: are in 2000::/3; other IPv6 networks are private, local or reserved.
_PUBLIC = ('0.0.0.0/0', '2000::/3')
#: Private, shared, local, multicast and reserved networks in _PUBLIC.
#: Addresses of 6to4 and Teredo contain IPv4 addresses.
_SPECIAL = (
    '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8',
    '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24',
    '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24',
    '203.0.113.0/24', '224.0.0.0/3',
    '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20')

#: Options with the URLs of services that functions must not reach.
_URLS = (('database', 'connection'), ('database', 'slave_connection'),
         ('DEFAULT', 'transport_url'), ('s3', 'endpoint_url'))


class Destination(typing.NamedTuple):
    """Network that functions may reach, on one port or on all ports."""

    network: Network
    port: int | None


def parse_destination(option: str, text: str) -> Destination:
    """Return a destination of its text: ``CIDR``, ``CIDR:port``.

    An IPv6 network with a port is in brackets.

    :param option: name of the option, for the error.
    :raises PermanentError: the text is malformed.
    """
    address, port = text.strip(), ''
    has_port = address.startswith('[') or address.count(':') == 1
    if has_port:
        address, _separator, port = address.lstrip('[').rpartition(':')
        if not port.isdecimal() or not 0 < int(port) <= MAX_PORT:
            raise _create_error(option, text)
    network = parse_network(option, address.removesuffix(']'), text)
    return Destination(network, int(port) if has_port else None)


def parse_network(option: str, address: str, text: str = '') -> Network:
    """Return the network of an address or a CIDR.

    :param text: whole value, for the error.
    :raises PermanentError: the address is malformed.
    """
    try:
        return ipaddress.ip_network(address.strip(), strict=False)
    except ValueError as e:
        raise _create_error(option, text or address) from e


def _create_error(option: str, text: str) -> exception.PermanentError:
    return exception.PermanentError(
        f'[kubernetes] {option} has the value "{text}": write an address or '
        'a network, for instance 10.0.0.0/24, and a port if allowed, for '
        'instance 10.0.0.5/32:5432 or [fd00::5/128]:5432.')


def list_public(blocked: Iterable[Network]
                ) -> Iterator[tuple[Network, list[Network]]]:
    """Yield each public network and the exceptions in the network.

    :param blocked: further networks that functions must not reach.
    """
    exceptions = [*map(ipaddress.ip_network, _SPECIAL), *blocked]
    for public in map(ipaddress.ip_network, _PUBLIC):
        # The API server refuses exceptions that are not a part of the block.
        inner: list[typing.Any] = [
            network for network in exceptions
            if network.version == public.version
            and network.overlaps(public)]
        if not any(network.supernet_of(public) for network in inner):
            yield public, list(ipaddress.collapse_addresses(inner))


def list_own_networks(conf: cfg.ConfigOpts, api_url: str) -> list[Network]:
    """Return the addresses of the services in the configuration.

    :param api_url: URL of the API server.
    """
    hosts = {host for url in (api_url, *_list_urls(conf))
             for host in _list_hosts(url)}
    return [ipaddress.ip_network(address)
            for host in sorted(hosts) for address in _resolve(host)]


def _list_urls(conf: cfg.ConfigOpts) -> Iterator[str]:
    for group, name in _URLS:
        options = conf if group == 'DEFAULT' else conf[group]
        # The message bus registers its option at its start.
        yield (options[name] if name in options else None) or ''
    # Without credentials in a group, those of Keystone middleware apply.
    for group in ('swift', keystone.GROUP):
        try:
            yield keystone.load_credentials(conf, group).auth_url or ''
        except (ValueError, exceptions.ClientException):
            LOG.debug('The group %s has no credentials', group)


def _list_hosts(url: str) -> Iterator[str]:
    """Yield the hosts of a URL, which may list hosts with credentials."""
    for part in parse.urlsplit(url).netloc.split(','):
        host = parse.urlsplit('//' + part.rpartition('@')[2]).hostname
        if host:
            yield host


def _resolve(host: str) -> set[str]:
    """Return the addresses of a name, none for an unknown name."""
    try:
        return {str(entry[4][0]).partition('%')[0]
                for entry in socket.getaddrinfo(host, None)}
    except OSError as e:
        LOG.warning(
            'Could not resolve %s (%s): functions may reach the service '
            'there, unless [kubernetes] blocked_cidrs has its address', host,
            e)
        return set()
