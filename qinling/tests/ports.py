#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

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
