# SPDX-License-Identifier: Apache-2.0
"""Ports for servers that must be told one, or that come back at theirs."""

import errno
import pathlib
import random
import socket

RANGE = pathlib.Path('/proc/sys/net/ipv4/ip_local_port_range')
#: Where the fixed ports of other servers are.
FIRST = 16000


def free():
    """A port of this machine at which nobody listens.

    It is none that the kernel gives away by itself: one of those may be
    somebody's before its server listens, or while it is down.
    """
    try:
        last = int(RANGE.read_text().split()[0]) - 1
    except FileNotFoundError:
        last = 32767
    # Of its own: tests may seed the one that all share.
    chance = random.SystemRandom()
    while True:
        port = chance.randint(min(FIRST, last), last)
        try:
            socket.create_server(('127.0.0.1', port)).close()
        except OSError as e:
            if e.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
        else:
            return port
