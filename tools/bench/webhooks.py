#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of webhooks and idempotency keys.

Starts a server and prints for each kind of request the median time, and the
processor time of the server without the workers::

    python tools/bench/webhooks.py [--rounds 1000] [--copies 10]

After a kind of asynchronous requests, the program waits for the end of the
executions, so that one kind does not slow the next.  Then eight senders send
every delivery several times, at once and as fast as they can; the program
prints the deliveries per second, and checks that each of them ran once.
"""

import argparse
from collections.abc import Callable
import dataclasses
import hmac
import itertools
import threading
import time
import typing

import processes
import service
import timing

SECRET = 'a secret of a sender'
BODY = b'{"name": "Bench"}'
HEX = hmac.new(SECRET.encode(), BODY, 'sha256').hexdigest()
SIGNED = f'X-Hub-Signature-256: sha256={HEX}\r\n'
FORGED = f'X-Hub-Signature-256: sha256={"0" * 64}\r\n'
CONFIG = '[webhooks]\nrate_limit = 1000000/second\n'
#: Deliveries that a webhook keeps by default.
MAX_NAMES = 1000
WARMUP_ROUNDS = 20
SENDERS = 8


@dataclasses.dataclass
class Kind:
    """Kind of request.

    :param headers: function of the number of the request.
    """

    path: str
    body: bytes
    status: int
    headers: Callable[[int], str] = ''.format


def create_webhook(client: service.Client, function: str,
                   **fields: typing.Any) -> str:
    """Create a webhook, and return the path that runs the function."""
    row = client.json('POST', '/v1/webhooks', dict(
        fields, function_id=function))
    return f'/v1/webhooks/{row["id"]}/invoke'


def list_kinds(client: service.Client, function: str) -> dict[str, Kind]:
    """Return the kinds of requests by name."""
    path, request = '/v1/executions', service.build_request(function)
    later = service.build_request(function, sync=False)
    signed = create_webhook(client, function, signature='github',
                            secret=SECRET)
    return {
        'execution': Kind(path, request, 201),
        'execution with a key': Kind(
            path, request, 201, 'Idempotency-Key: {}\r\n'.format),
        'execution, repeated': Kind(
            path, request, 201, lambda _: 'Idempotency-Key: 0\r\n'),
        'asynchronous execution': Kind(path, later, 201),
        'webhook': Kind(create_webhook(client, function), BODY, 202),
        'webhook, synchronous': Kind(
            create_webhook(client, function, sync=True), BODY, 200),
        'webhook, signed': Kind(signed, BODY, 202, lambda _: SIGNED),
        'webhook, signed and named': Kind(
            signed, BODY, 202, f'{SIGNED}X-GitHub-Delivery: {{}}\r\n'.format),
        'webhook, named again': Kind(
            signed, BODY, 202, lambda _: f'{SIGNED}X-GitHub-Delivery: 0\r\n'),
        'webhook, rejected': Kind(signed, BODY, 401, lambda _: FORGED),
    }


def wait_for_executions(client: service.Client) -> None:
    """Wait until no execution runs."""
    while client.json('GET', '/v1/executions?status=running&limit=1')[
            'executions']:
        time.sleep(0.05)


def measure(pids: list[int], client: service.Client, kind: Kind,
            rounds: int) -> tuple[float, float]:
    """Return the median time and the mean processor time of a kind of
    request, in milliseconds."""
    numbers = itertools.count()

    def send() -> None:
        status, answer = client.call('POST', kind.path, kind.body,
                                     headers=kind.headers(next(numbers)))
        if status != kind.status:
            raise RuntimeError(f'{status} {answer!r}')
    timing.measure_median_ms(send, WARMUP_ROUNDS)
    wait_for_executions(client)
    before = processes.read_cpu_ms(pids)
    median = timing.measure_median_ms(send, rounds)
    wait_for_executions(client)
    return median, (processes.read_cpu_ms(pids) - before) / rounds


def measure_repeats(server: service.Server, client: service.Client,
                    function: str, names: int, copies: int) -> float:
    """Return the deliveries per second of several senders.

    :param names: different deliveries.
    :param copies: how often each of them is sent.
    :raises RuntimeError: a delivery did not run exactly once.
    """
    path = create_webhook(client, function, signature='github',
                          secret=SECRET)
    numbers = iter(range(names * copies))
    lock = threading.Lock()

    def work() -> None:
        sender = service.Client(server.url)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            status, answer = sender.call(
                'POST', path, BODY, headers=f'{SIGNED}X-GitHub-Delivery: '
                f'{number // copies}\r\n')
            if status != 202:
                raise RuntimeError(f'{status} {answer!r}')
    seconds = timing.run_in_threads(SENDERS, work)
    wait_for_executions(client)
    id = path.split('/')[3]
    rows = client.json('GET', f'/v1/webhooks/{id}/deliveries?status=accepted'
                       f'&limit={names + 1}&fields=execution_id')['deliveries']
    if len({row['execution_id'] for row in rows}) != names:
        raise RuntimeError(f'{len(rows)} of {names} deliveries ran.')
    return names * copies / seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description='Measure webhooks and idempotency keys.')
    parser.add_argument('--rounds', type=int, default=1000,
                        help='requests of each kind')
    parser.add_argument('--copies', type=int, default=10,
                        help='copies of each delivery of the senders')
    options = parser.parse_args()
    with service.run_server(CONFIG) as server:
        client = service.Client(server.url)
        function = client.create_function(client.find_runtime())
        pids = processes.list_service_processes(server.pid)
        print(f'{"":28}{"p50 ms":>8}{"server ms":>11}')
        for name, kind in list_kinds(client, function).items():
            median, cpu = measure(pids, client, kind, options.rounds)
            print(f'{name:28}{median:8.2f}{cpu:11.2f}')
        for copies in (1, options.copies):
            rate = measure_repeats(server, client, function, min(
                options.rounds, MAX_NAMES), copies)
            print(f'deliveries/s, {copies} copies of each: {rate:.0f}')


if __name__ == '__main__':
    main()
