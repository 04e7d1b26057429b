#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of a rolling restart under load.

Starts two APIs and two engines over a real database and the RabbitMQ of this
machine, measures how many synchronous executions per second they can serve,
and restarts one process after the other while executions arrive at a fixed
rate, also while answers are late::

    python tools/bench/rolling.py [--rate 50] [--rounds 2]

The client is a load balancer: an API that refuses the connection gets no
request, and another one does.  Prints the answers by their status, and the
slowest one.
"""

import argparse
import collections
from concurrent import futures
import http.client
import json
import pathlib
import sys
import threading
import time
import typing

sys.path[:0] = [str(pathlib.Path(__file__).parents[2])]

from qinling.tests.functional import base as servers  # noqa: E402
from qinling.tests.functional import loads  # noqa: E402

#: Executions under way: fewer would slow the load down with the service.
THREADS = 512
CAPACITY_THREADS, CAPACITY_SECONDS = 8, 5
#: Seconds of load before the first and after the last restart.
CALM_SECONDS = 2
FUNCTION_SECONDS = 0.02


class Balancer:
    """Sends executions to the APIs in turn, and counts the answers."""

    def __init__(self, clients: dict[typing.Any, typing.Any], function: str
                 ) -> None:
        self._clients = clients
        self._function = function
        self._lock = threading.Lock()
        self._next = 0
        self.answers: collections.Counter[object] = collections.Counter()
        self.slowest_seconds = 0.0

    def send(self) -> None:
        """Run an execution."""
        start = time.monotonic()
        answer = self._send()
        with self._lock:
            self.answers[answer] += 1
            self.slowest_seconds = max(self.slowest_seconds,
                                       time.monotonic() - start)

    def _send(self) -> object:
        body = json.dumps({'function_id': self._function, 'sync': True,
                           'input': {'number': 1,
                                     'seconds': FUNCTION_SECONDS}})
        with self._lock:
            clients = list(self._clients.values())
            self._next += 1
            clients = clients[self._next % 2:] + clients[:self._next % 2]
        for client in clients:
            try:
                status, _, answer = client.request(
                    'POST', '/v1/executions', body,
                    {'Content-Type': 'application/json'})
            except ConnectionRefusedError:
                continue
            except (OSError, http.client.HTTPException) as e:
                return type(e).__name__
            if status != http.client.CREATED:
                return status
            return json.loads(answer)['status']
        return 'no API'


def measure_capacity(balancer: Balancer) -> float:
    """Return the executions per second of some busy clients."""
    end = time.monotonic() + CAPACITY_SECONDS

    def repeat() -> None:
        while time.monotonic() < end:
            balancer.send()
    with futures.ThreadPoolExecutor(CAPACITY_THREADS) as pool:
        for _ in range(CAPACITY_THREADS):
            pool.submit(repeat)
    return sum(balancer.answers.values()) / CAPACITY_SECONDS


def send_at_rate(balancer: Balancer, rate: int, stop: threading.Event
                 ) -> None:
    """Send executions at fixed times, until an event."""
    start = time.monotonic()
    with futures.ThreadPoolExecutor(THREADS) as pool:
        number = 0
        while not stop.is_set():
            pool.submit(balancer.send)
            number += 1
            time.sleep(max(0, start + number / rate - time.monotonic()))


def restart_all(cloud: typing.Any, clients: dict[typing.Any, typing.Any]
                ) -> None:
    """Restart one process after the other, as an operator does."""
    for daemon in (*cloud.apis, *cloud.engines):
        if daemon.stop():
            sys.exit(f'{daemon.name} did not stop gracefully.')
        daemon.start()
        if daemon in clients:
            clients[daemon] = cloud.client_of(daemon)
        else:
            servers.wait_for(lambda: cloud.listening(daemon), 'the engine')


def main() -> None:
    """Print the capacity and the answers."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--rate', type=int, default=50,
                        help='executions per second')
    parser.add_argument('--rounds', type=int, default=2)
    options = parser.parse_args()
    with servers.Cloud(engines=2, apis=2) as cloud:
        clients = {api: cloud.client_of(api) for api in cloud.apis}
        function = cloud.client.create(loads.FUNCTION)['id']
        capacity = measure_capacity(Balancer(clients, function))
        print(f'{capacity:.0f} executions/s of {CAPACITY_THREADS} clients')
        balancer, stop = Balancer(clients, function), threading.Event()
        thread = threading.Thread(target=send_at_rate, args=(
            balancer, options.rate, stop))
        thread.start()
        try:
            time.sleep(CALM_SECONDS)
            for _ in range(options.rounds):
                restart_all(cloud, clients)
            time.sleep(CALM_SECONDS)
        finally:
            stop.set()
            thread.join()
        print(f'{options.rounds} rolling restarts at {options.rate}/s: '
              f'{dict(balancer.answers)}, slowest '
              f'{balancer.slowest_seconds:.2f} s')


if __name__ == '__main__':
    main()
