# SPDX-License-Identifier: Apache-2.0
"""Addresses that event sources may use.

Users choose the hosts of their sources, and engines stand within the network
of the operator.  So sources reach only public addresses, and the networks
that the operator allows.
"""

from collections.abc import Iterable
import ipaddress
import socket

from qinling import exception

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: IPv6 networks whose addresses contain IPv4 addresses.
_TRANSLATED = tuple(map(ipaddress.ip_network, (
    '64:ff9b::/96', '64:ff9b:1::/48', '2001::/32', '2002::/16', '::/96')))


class Guard:
    """Decides which addresses sources may use.

    :param allowed: networks beside the public ones.
    :param denied: networks that ``allowed`` and ``all_allowed`` do not open.
    :param all_allowed: whether private addresses are allowed.
    :raises ValueError: a network is malformed.
    """

    def __init__(self, allowed: Iterable[str] = (),
                 denied: Iterable[str] = (), all_allowed: bool = False
                 ) -> None:
        self._allowed = [_parse_network(text) for text in allowed]
        self._denied = [_parse_network(text) for text in denied]
        self._all_allowed = all_allowed

    def resolve(self, host: str, port: int) -> str:
        """Return an allowed address of a host.

        The caller connects to the address, so that the name cannot change
        its meaning in between.

        :raises TemporaryError: the host has no address, or one is denied.
        """
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as e:
            raise exception.TemporaryError(
                f'The host {host} has no address: {e}.') from e
        for info in infos:
            self.check(str(info[4][0]), host)
        return str(infos[0][4][0])

    def check(self, address: str, host: str) -> None:
        """Check an address of a host.

        :raises TemporaryError: the address is denied.
        """
        if not self._is_allowed(address):
            raise exception.TemporaryError(
                f'The host {host} has an address that event sources may not '
                'use; ask an operator to allow it in [event_sources] '
                'allowed_networks.')

    def _is_allowed(self, text: str) -> bool:
        address: Address = ipaddress.ip_address(text.partition('%')[0])
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        if _contain(self._denied, address):
            return False
        if self._all_allowed or _contain(self._allowed, address):
            return True
        return (address.is_global and not address.is_multicast
                and not _contain(_TRANSLATED, address))


def _contain(networks: Iterable[Network], address: Address) -> bool:
    return any(address in network for network in networks)


def _parse_network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(
            f'[event_sources] has the network "{text}"; write an address or '
            'a network, such as 10.0.0.0/24.')
