#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what webhooks and idempotency keys cost.

Starts a server of its own and prints for each kind of request the median
time, and the processor time of the server without its workers::

    python tools/bench/webhooks.py [--rounds 1000]

Asynchronous requests are followed by a pause until their executions have
ended, so that one kind is not measured with the work of another.
"""

import argparse
import hmac
import itertools
import json
import os
import pathlib
import signal
import statistics
import tempfile
import time

import main_job

SECRET = 'a secret of a sender'
BODY = b'{"name": "Bench"}'
HEX = hmac.new(SECRET.encode(), BODY, 'sha256').hexdigest()
SIGNED = f'X-Hub-Signature-256: sha256={HEX}\r\n'
FORGED = f'X-Hub-Signature-256: sha256={"0" * 64}\r\n'
TICKS = os.sysconf('SC_CLK_TCK')


def webhook(client, function, **more):
    """The path of a new webhook."""
    row = client.json('POST', '/v1/webhooks', dict(
        more, function_id=function))
    return f'/v1/webhooks/{row["id"]}/invoke'


def kinds(client, function):
    """name -> (path, body, function of a number that makes headers, the
    status that must come)."""
    signed = {'signature': 'github', 'secret': SECRET}
    order = main_job.order(function)
    later = json.dumps({'function_id': function, 'sync': False,
                        'input': {'name': 'Bench'}}).encode()
    runs, verified = '/v1/executions', webhook(client, function, **signed)
    return {
        'execution': (runs, order, lambda _: '', 201),
        'execution with a key': (
            runs, order, lambda n: f'Idempotency-Key: {n}\r\n', 201),
        'execution, repeated': (
            runs, order, lambda _: 'Idempotency-Key: 0\r\n', 201),
        'asynchronous execution': (runs, later, lambda _: '', 201),
        'webhook': (webhook(client, function), BODY, lambda _: '', 202),
        'webhook, synchronous': (
            webhook(client, function, sync=True), BODY, lambda _: '', 200),
        'webhook, signed': (verified, BODY, lambda _: SIGNED, 202),
        'webhook, signed and named': (
            verified, BODY,
            lambda n: f'{SIGNED}X-GitHub-Delivery: {n}\r\n', 202),
        'webhook, named again': (
            verified, BODY, lambda _: f'{SIGNED}X-GitHub-Delivery: 0\r\n',
            202),
        'webhook, refused': (verified, BODY, lambda _: FORGED, 401),
    }


def processor_ms(pid):
    """Processor time of a process so far."""
    text = pathlib.Path(f'/proc/{pid}/stat').read_text()
    user, system = text.rpartition(')')[2].split()[11:13]
    return (int(user) + int(system)) / TICKS * 1000


def settle(client):
    """Wait until nothing runs."""
    while client.json('GET', '/v1/executions?status=running&limit=1')[
            'executions']:
        time.sleep(0.05)


def measure(server, client, kind, rounds):
    """(median ms, processor ms) of one kind of request."""
    path, body, headers, wanted = kind
    numbers, times = itertools.count(), []

    def ask():
        status, answer = client.call('POST', path, body,
                                     more=headers(next(numbers)))
        if status != wanted:
            raise RuntimeError(f'{status} {answer!r}')
    for _ in range(20):
        ask()
    settle(client)
    before = processor_ms(server.pid)
    for _ in range(rounds):
        begin = time.perf_counter()
        ask()
        times.append(time.perf_counter() - begin)
    settle(client)
    spent = processor_ms(server.pid) - before
    return statistics.median(times) * 1000, spent / rounds


def main():
    parser = argparse.ArgumentParser(
        description='Measure what webhooks and idempotency keys cost.')
    parser.add_argument('--rounds', type=int, default=1000,
                        help='requests of each kind')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        config = pathlib.Path(directory, 'bench.conf')
        config.write_text('[webhooks]\nrate_limit = 1000000/second\n')
        server, url = main_job.start(
            directory, '--config-file', str(config))
        try:
            client = main_job.Client(url)
            runtime = client.json('GET', '/v1/runtimes')['runtimes'][0]['id']
            function = main_job.create(client, runtime)
            print(f'{"":28}{"p50 ms":>8}{"server ms":>11}')
            for name, kind in kinds(client, function).items():
                found = measure(server, client, kind, options.rounds)
                print(f'{name:28}{found[0]:8.2f}{found[1]:11.2f}')
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


if __name__ == '__main__':
    main()
