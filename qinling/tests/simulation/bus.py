# SPDX-License-Identifier: Apache-2.0
"""The message bus: calls and casts that may be late, lost or doubled."""

import json

import oslo_messaging

from qinling.tests.simulation import threads

NOT_DELIVERED, DOUBLED, UNANSWERED = 'lost', 'doubled', 'unanswered'


class Delivery:
    """A message on its way."""

    def __init__(self):
        self.done = threads.Event()
        self.is_pending = False
        self.server = None
        self.value = self.error = None

    def is_active(self):
        """Return whether an engine works on the message."""
        return (self.server is not None and self.server.process.is_alive
                and not self.server.process.is_frozen)


class Server:
    """An engine on the bus."""

    def __init__(self, process, name, endpoint):
        self.process = process
        self.name = name
        self.endpoint = endpoint


class Bus:
    """Bus of a deployment.

    :param choose_fate: returns the seconds until the delivery, and a fault or
        ``None``.
    """

    def __init__(self, scheduler, process, choose_fate):
        self._scheduler = scheduler
        self._process = process
        self._choose_fate = choose_fate
        self.servers = []
        self.is_down = False

    def create_client(self, _transport, _target):
        """Return the client of a process."""
        return Client(self)

    def check(self):
        """Raise the error of a broken connection."""
        if self.is_down:
            raise oslo_messaging.MessageDeliveryFailure('the bus is down')

    def send(self, method, arguments, server, is_fanout):
        """Deliver a message; return the delivery."""
        self._scheduler.pause(f'send {method}')
        self.check()
        delivery = Delivery()
        seconds, fault = self._choose_fate(method)
        if fault == NOT_DELIVERED:
            return delivery
        text = json.dumps(arguments)
        for _ in range(2 if fault == DOUBLED else 1):
            for receiver in self._receivers(server, is_fanout):
                self._scheduler.spawn(
                    self._process, f'deliver {method}', self._deliver,
                    receiver, method, text,
                    (delivery, seconds, fault == UNANSWERED))
            seconds += self._scheduler.random.choice((0, 1, 20))
        return delivery

    def _receivers(self, server, is_fanout):
        servers = [item for item in self.servers if server in (
            None, item.name)]
        if is_fanout or not servers:
            return servers
        return [self._scheduler.random.choice(servers)]

    def _deliver(self, server, method, text, way):
        delivery, seconds, is_unanswered = way
        if seconds:
            self._scheduler.sleep(seconds)
        if server.process.is_alive and server in self.servers:
            self._scheduler.spawn(
                server.process, method, self._handle, server, method, text,
                Delivery() if is_unanswered else delivery)

    def _handle(self, server, method, text, delivery):
        delivery.server = server
        try:
            value = getattr(server.endpoint, method)({}, **json.loads(text))
            delivery.value = json.loads(json.dumps(value))
        except oslo_messaging.ExpectedException as e:
            delivery.error = e.exc_info[1]
        except Exception as e:
            self._scheduler.fail(server.process, method, e)
            delivery.error = e
        self._scheduler.pause(f'answer {method}')
        if self.is_down:
            delivery.server = None
            return
        delivery.done.set()

    def wait(self, delivery, timeout, monitor_timeout):
        """Return the answer to a call.

        The engine that works on the call says so now and then.
        """
        end = self._scheduler.now + timeout
        while not delivery.done.wait(monitor_timeout):
            if self._scheduler.now >= end or not delivery.is_active():
                raise oslo_messaging.MessagingTimeout()
        if delivery.error is not None:
            raise oslo_messaging.RemoteError(
                type(delivery.error).__name__, str(delivery.error))
        return delivery.value


class Client:
    """Client of oslo.messaging."""

    def __init__(self, bus, **options):
        self._bus = bus
        self._options = options

    def prepare(self, **options):
        """Return a client with options."""
        return Client(self._bus, **options)

    def call(self, _context, method, **arguments):
        """Call a method and return the answer."""
        options = self._options
        delivery = self._bus.send(method, arguments, options.get('server'),
                                  False)
        return self._bus.wait(
            delivery, options['timeout'],
            options.get('call_monitor_timeout') or options['timeout'])

    def cast(self, _context, method, **arguments):
        """Send a message."""
        options = self._options
        if method == 'probe':
            self._bus.check()
            return
        self._bus.send(method, arguments, options.get('server'),
                       options.get('fanout', False))
