# SPDX-License-Identifier: Apache-2.0
"""Knowing whether the message bus is there, so that nobody waits for it."""

import socket
import threading
import time

from oslo_log import log
# By rpc alone, which has chosen threads before.
import oslo_messaging

from qinling import exception

LOG = log.getLogger(__name__)

#: Seconds that a new client waits for the bus.
START = 5
#: Seconds that a request waits for a bus that is not there.
PATIENCE = 1
#: Seconds between two looks whether it is there again.
PROBE = 0.5
#: Seconds in which a broker must take a connection.
REACH = 2
#: Where RabbitMQ listens unless the URL says otherwise.
PORT = 5672


def ping(conf):
    """Raise when no broker of the bus takes a connection.

    Only that: to ask for more would cost the broker a connection of its own
    for each look.
    """
    url = oslo_messaging.TransportURL.parse(conf)
    if url.transport != 'rabbit':
        return
    error = None
    for host in url.hosts:
        try:
            socket.create_connection(
                (host.hostname, host.port or PORT), REACH).close()
            return
        except OSError as e:
            error = e
    raise error or OSError('transport_url names no host')


class Pulse:
    """Whether the bus is there.

    What is sent while it is not would be tried again and again, with the
    sender waiting; so the sender asks here first.  A thread finds out when
    it is there again, and there is none as long as it is.
    """

    def __init__(self, client, topic):
        self._call = client.prepare(timeout=PATIENCE, retry=0)
        self._cast = client.prepare(topic=f'{topic}.pulse', retry=0)
        self._there = threading.Event()
        self._lock = threading.Lock()
        # The first call also makes the queue for answers, which cannot be
        # told to give up.
        self._search(lambda: self._call.call({}, 'workers_of', runtime_id=''))
        # Nothing that comes at once shall be refused.
        self._there.wait(START)

    def beats(self):
        """Whether the bus is there, as far as is known."""
        return self._there.is_set()

    def check(self):
        """Return when the bus is there.

        :raises Unavailable: it is not, and has not come back meanwhile.
        """
        if not self._there.wait(PATIENCE):
            raise exception.Unavailable(reason='the message bus is down.')

    def lost(self):
        """It is not there."""
        with self._lock:
            if not self._there.is_set():
                return
            self._there.clear()
        # Nobody listens to that topic.
        self._search(lambda: self._cast.cast({}, 'pulse'))

    def _search(self, probe):
        threading.Thread(target=self._probe, args=(probe,), name='pulse',
                         daemon=True).start()

    def _probe(self, probe):
        while True:
            try:
                probe()
            except (oslo_messaging.MessagingTimeout,
                    oslo_messaging.RemoteError):
                break
            except Exception as e:
                LOG.warning('The message bus is down: %s', e)
                time.sleep(PROBE)
            else:
                break
        self._there.set()
