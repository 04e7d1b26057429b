#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Memory of a server over many different requests.

Starts a server, sends a random mix of requests over a few connections, and
prints the private memory of all processes of the server at regular intervals,
and the growth in the second half::

    python tools/bench/memory.py [--requests 50000] [--tracemalloc]

The mix has reads, lists, executions, webhooks, unknown paths, invalid bodies,
and keys, names and projects that clients choose at random.  The memory grows
until the caches of the database connections are full, then varies by some
MiB.  ``--tracemalloc`` prints where the memory of Python objects grew after
the first interval; the server is slower and larger then.
"""

import argparse
import collections
from collections.abc import Callable
import json
import os
import pathlib
import random
import signal
import tempfile
import threading
import time
import typing
import uuid

import processes
import service

#: The limit would reject most deliveries.
CONFIG = '[webhooks]\nrate_limit = 1000000/second\n'
#: Code in the server and its forks: each process writes the growth of objects
#: at SIGUSR1 into a file with the process id, the first time nothing.
TRACE = """
import os, signal, tracemalloc
tracemalloc.start(3)
baseline = []
def report(*_args):
    import gc
    gc.collect()
    now = tracemalloc.take_snapshot().filter_traces([
        tracemalloc.Filter(False, tracemalloc.__file__)])
    path = os.path.join({directory!r}, str(os.getpid()))
    with open(path + '.part', 'w') as stream:
        for item in baseline and now.compare_to(
                baseline[0], 'traceback')[:15]:
            print(item, *item.traceback.format(), sep='\\n', file=stream)
    baseline[:] = [now]
    os.rename(path + '.part', path)
signal.signal(signal.SIGUSR1, report)
"""
TRACE_SECONDS = 60
RUN_SECONDS = 120
#: Requests of a connection until the next connection.
REQUESTS_PER_CONNECTION = 1000


class Mix:
    """Random requests.

    :param random: seeded generator; threads share the methods only.
    """

    def __init__(self, random: random.Random, function: str, webhook: str
                 ) -> None:
        self._random = random
        self._function = function
        self._webhook = f'/v1/webhooks/{webhook}/invoke'
        self._kinds: list[tuple[int, Callable[[service.Client], object]]] = [
            (10, self.get_function), (10, self.list_rows),
            (15, self.run_sync), (5, self.run_async), (5, self.run_with_key),
            (10, self.call_webhook), (10, self.get_unknown),
            (10, self.send_invalid), (5, self.use_random_project),
            (3, self.send_odd_headers), (2, self.send_method),
            (1, self.change_aliases)]

    def send(self, client: service.Client) -> None:
        """Send one request."""
        weights, kinds = zip(*self._kinds)
        self._random.choices(kinds, weights)[0](client)

    def _word(self) -> str:
        return f'w{self._random.getrandbits(64):x}'

    def get_function(self, client: service.Client) -> None:
        """Read the function."""
        client.call('GET', f'/v1/functions/{self._function}')

    def list_rows(self, client: service.Client) -> None:
        """List executions, or the rows of another noun."""
        client.call('GET', self._random.choice((
            '/v1/functions', '/v1/runtimes', '/v1/executions?limit=20',
            '/v1/jobs', '/v1/webhooks', '/v1/aliases', '/v1', '/',
            f'/v1/executions?limit=5&status={self._word()}')))

    def run_sync(self, client: service.Client) -> None:
        """Run the function and wait."""
        client.call('POST', '/v1/executions',
                    service.build_request(self._function))

    def run_async(self, client: service.Client) -> None:
        """Start the function."""
        client.call('POST', '/v1/executions', service.build_request(
            self._function, sync=False))

    def run_with_key(self, client: service.Client) -> None:
        """Run the function with a new idempotency key."""
        client.call('POST', '/v1/executions',
                    service.build_request(self._function),
                    headers=f'Idempotency-Key: {self._word()}\r\n')

    def call_webhook(self, client: service.Client) -> None:
        """Call the webhook with random data."""
        client.call(self._random.choice(('POST', 'GET', 'PUT', 'OPTIONS')),
                    f'{self._webhook}?name={self._word()}',
                    b'{"name": "Bench"}')

    def get_unknown(self, client: service.Client) -> None:
        """Read something that does not exist."""
        client.call('GET', self._random.choice((
            f'/{self._word()}', f'/v1/{self._word()}/{self._word()}',
            f'/v1/functions/{uuid.UUID(int=self._random.getrandbits(128))}',
            f'/v1/webhooks/{uuid.UUID(int=self._random.getrandbits(128))}'
            '/invoke', f'/v1/aliases/{self._word()}')))

    def send_invalid(self, client: service.Client) -> None:
        """Send a body that is not valid."""
        word = self._word()
        client.call('POST', '/v1/executions', self._random.choice((
            b'{', b'\xff\xfe', f'[{word!r}'.encode(),
            json.dumps({word: word}).encode(),
            json.dumps({'function_id': word}).encode(),
            json.dumps({'function_alias': word}).encode(),
            b'[' * 5000, b'x' * 100_000)))

    def use_random_project(self, client: service.Client) -> None:
        """Read the quota or the rows of a random project."""
        client.call('GET', self._random.choice((
            f'/v1/quotas/{self._word()}',
            f'/v1/functions?project_id={self._word()}')))

    def send_odd_headers(self, client: service.Client) -> None:
        """Send headers with random names and values."""
        word = self._word()
        client.call('GET', '/v1/functions', headers=(
            f'X-{word}: {word}\r\nTraceparent: {word}\r\n'
            f'X-Openstack-Request-Id: {word}\r\nAccept: {word}/{word}\r\n'))

    def send_method(self, client: service.Client) -> None:
        """Send a method that the path does not have."""
        client.call(self._random.choice(('PATCH', 'LINK', 'PROPFIND')),
                    '/v1/functions')

    def change_aliases(self, client: service.Client) -> None:
        """Create, use and delete an alias."""
        name = self._word()
        client.call('POST', '/v1/aliases', json.dumps({
            'name': name, 'function_id': self._function}).encode())
        client.call('POST', '/v1/executions', json.dumps({
            'function_alias': name, 'input': '{"name": "Bench"}'}).encode())
        client.call('DELETE', f'/v1/aliases/{name}')


class CountingClient(service.Client):
    """Client that counts the answers by status."""

    def __init__(self, url: str, statuses: 'collections.Counter[int]'
                 ) -> None:
        super().__init__(url)
        self._statuses = statuses

    def call(self, *args: typing.Any, **keywords: typing.Any
             ) -> tuple[int, bytes]:
        """Send a request and count the answer."""
        status, body = super().call(*args, **keywords)
        self._statuses[status] += 1
        return status, body


def send_requests(url: str, mix: Mix, count: int,
                  statuses: 'collections.Counter[int]') -> None:
    """Send requests, over new connections from time to time."""
    while count > 0:
        client = CountingClient(url, statuses)
        for _ in range(min(count, REQUESTS_PER_CONNECTION)):
            count -= 1
            try:
                mix.send(client)
            except (OSError, IndexError):  # the server closed the connection
                break


def wait_for_executions(url: str) -> None:
    """Wait for the end of all executions."""
    client = service.Client(url)
    end = time.monotonic() + RUN_SECONDS
    while time.monotonic() < end and client.json(
            'GET', '/v1/executions?status=running&limit=1')['executions']:
        time.sleep(0.2)


def measure_growth(samples: list[tuple[int, int]]) -> float:
    """Return the growth in KiB per 1000 requests by least squares."""
    count = len(samples)
    mean_x = sum(x for x, _ in samples) / count
    mean_y = sum(y for _, y in samples) / count
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return 1000 * sum((x - mean_x) * (y - mean_y)
                      for x, y in samples) / max(1, spread)


def run(server: service.Server, args: argparse.Namespace
        ) -> list[tuple[int, int]]:
    """Send all requests, and return (requests, KiB) pairs."""
    client = service.Client(server.url)
    function = client.create_function(client.find_runtime())
    webhook = client.json('POST', '/v1/webhooks', {
        'function_id': function})['id']
    mixes = [Mix(random.Random(f'{args.seed}/{number}'), function, webhook)
             for number in range(args.connections)]
    samples = []
    statuses: collections.Counter[int] = collections.Counter()
    for done in range(0, args.requests + 1, args.every):
        if done:
            threads = [threading.Thread(target=send_requests, args=(
                server.url, mix, args.every // args.connections, statuses))
                for mix in mixes]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        wait_for_executions(server.url)
        sizes = [processes.read_private_kib(pid) for pid
                 in processes.list_service_processes(server.pid)]
        samples.append((done, sum(sizes)))
        print(f'{done:8} requests {sum(sizes) / 1024:8.1f} MiB:', ' + '.join(
            f'{size / 1024:.1f}' for size in sizes), flush=True)
        if args.tracemalloc and done in (args.every, args.requests):
            trace(processes.list_service_processes(server.pid), args.traces)
    print('answers:', ', '.join(f'{status}: {count}' for status, count
                                in sorted(statuses.items())))
    return samples


def trace(pids: list[int], directory: pathlib.Path) -> None:
    """Let processes write what grew, and wait for them."""
    for pid in pids:
        (directory / str(pid)).unlink(missing_ok=True)
        os.kill(pid, signal.SIGUSR1)
    end = time.monotonic() + TRACE_SECONDS
    while time.monotonic() < end and not all(
            (directory / str(pid)).exists() for pid in pids):
        time.sleep(0.1)


def main() -> None:
    """Print the memory and the growth."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--requests', type=int, default=50_000)
    parser.add_argument('--every', type=int, default=5_000,
                        help='requests between two measurements')
    parser.add_argument('--connections', type=int, default=4)
    parser.add_argument('--seed', default='1')
    parser.add_argument('--tracemalloc', action='store_true')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        args.traces = pathlib.Path(directory)
        prelude = (TRACE.format(directory=directory) if args.tracemalloc
                   else '')
        with service.run_server(CONFIG, prelude) as server:
            samples = run(server, args)
        half = samples[len(samples) // 2:]
        print(f'growth in the second half: {measure_growth(half):.1f} KiB '
              'per 1000 requests')
        for path in sorted(args.traces.iterdir()):
            print(f'process {path.name}:\n{path.read_text()}')


if __name__ == '__main__':
    main()
