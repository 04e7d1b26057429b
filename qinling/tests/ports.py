# SPDX-License-Identifier: Apache-2.0
"""Ports for servers with a fixed port."""

import errno
import pathlib
import random
import socket

import fixtures

RANGE = pathlib.Path('/proc/sys/net/ipv4/ip_local_port_range')
#: First port beyond the fixed ports of other servers.
FIRST = 16000


def free():
    """Return a port of this machine without a listener.

    The port lies outside the range of ports for outgoing connections: the
    kernel could assign a port of the range before the server listens, or
    during a restart.
    """
    try:
        last = int(RANGE.read_text().split()[0]) - 1
    except FileNotFoundError:
        last = 32767
    # Tests may seed the shared generator.
    rng = random.SystemRandom()
    while True:
        port = rng.randint(min(FIRST, last), last)
        try:
            socket.create_server(('127.0.0.1', port)).close()
        except OSError as e:
            if e.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
        else:
            return port


class Refusing(fixtures.Fixture):
    """Port that refuses connections."""

    def _setUp(self):
        bound = socket.socket()
        self.addCleanup(bound.close)
        bound.bind(('127.0.0.1', 0))
        self.port = bound.getsockname()[1]
