# SPDX-License-Identifier: Apache-2.0
"""Attempts on the network of the machine."""

import os
import socket


def connect(host, port):
    with socket.create_connection((host, port), 1):
        return 'connected'


def send(host, port):
    """A datagram: nothing tells whether it arrives, so the listener does."""
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.sendto(b'hostile', (host, port))
    return 'sent'


def connect_abstract(name):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect('\0' + name)
    return 'connected'


def open_family(family, kind):
    socket.socket(family, kind).close()
    return 'opened'


def resolve(name):
    try:
        return socket.getaddrinfo(name, 80)[0][4][0]
    except socket.gaierror:
        raise OSError(101, name) from None


def interfaces():
    return [name for _number, name in socket.if_nameindex()]


def raise_interface():
    """An interface of one's own, by which packets could leave."""
    import fcntl
    number = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(number, 0x400454CA, b'tap0'.ljust(16, b'\0') + b'\2\x10' * 8)
    return 'raised'
