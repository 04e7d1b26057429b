#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of webhooks and idempotency keys.

Starts a server and prints for each kind of request the median time, and the
processor time of the server without the workers::

    python tools/bench/webhooks.py [--rounds 1000]

After a kind of asynchronous requests, the program waits for the end of the
executions, so that one kind does not slow the next.
"""

import argparse
from collections.abc import Callable
import dataclasses
import hmac
import itertools
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
WARMUP_ROUNDS = 20


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


def measure(pid: int, client: service.Client, kind: Kind, rounds: int
            ) -> tuple[float, float]:
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
    before = processes.read_cpu_ms([pid])
    median = timing.measure_median_ms(send, rounds)
    wait_for_executions(client)
    return median, (processes.read_cpu_ms([pid]) - before) / rounds


def main() -> None:
    parser = argparse.ArgumentParser(
        description='Measure webhooks and idempotency keys.')
    parser.add_argument('--rounds', type=int, default=1000,
                        help='requests of each kind')
    options = parser.parse_args()
    with service.run_server(CONFIG) as server:
        client = service.Client(server.url)
        function = client.create_function(client.find_runtime())
        print(f'{"":28}{"p50 ms":>8}{"server ms":>11}')
        for name, kind in list_kinds(client, function).items():
            median, cpu = measure(server.pid, client, kind, options.rounds)
            print(f'{name:28}{median:8.2f}{cpu:11.2f}')


if __name__ == '__main__':
    main()
