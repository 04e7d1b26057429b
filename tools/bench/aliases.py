#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of aliases under load.

Runs executions over 8 connections, first through an alias that moves all the
time, then through an alias with weights; counts executions that fail or do
not run the version in the row, and prints the distribution of versions::

    python tools/bench/aliases.py [--seconds 5] [--weighted 10000]
"""

import argparse
import collections
from collections.abc import Callable
import json
import threading
import time
import typing

import service
import timing

ROUTING = {'1': 0.9, '2': 0.1}
CODE = 'def hello(**kwargs):\n    return {}\n'
CONNECTIONS = 8

Rows = list[dict[str, typing.Any]]


def prepare(client: service.Client) -> None:
    """Create a function whose versions 1 and 2 return the number of the
    version, and two aliases."""
    function = client.create_function(client.find_runtime(), CODE.format(1))
    client.json('POST', f'/v1/functions/{function}/versions', {})
    client.upload('PUT', f'/v1/functions/{function}',
                  {'main.py': CODE.format(2)}, {})
    client.json('POST', f'/v1/functions/{function}/versions', {})
    for fields in ({'name': 'moved'},
                   {'name': 'weighted', 'routing': ROUTING}):
        client.json('POST', '/v1/aliases', dict(
            fields, function_id=function, function_version=1))


def run_load(url: str, alias: str, is_running: Callable[[int], bool]
             ) -> tuple[Rows, float]:
    """Run executions while ``is_running(count)`` is true.

    :returns: (rows, seconds).
    """
    rows: Rows = []

    def work() -> None:
        client = service.Client(url)
        while is_running(len(rows)):
            rows.append(client.json('POST', '/v1/executions',
                                    {'function_alias': alias}))
    duration = timing.run_in_threads(CONNECTIONS, work)
    return rows, duration


def count_wrong(rows: Rows) -> int:
    """Return the number of rows with a failure or with another version."""
    return sum(row['status'] != 'success' or json.loads(row['result'])[
        'output'] != row['function_version'] for row in rows)


def report_moved(url: str, seconds: float) -> None:
    """Move an alias while executions run through the alias."""
    client = service.Client(url)
    moves: list[object] = []
    end = time.perf_counter() + seconds

    def move() -> None:
        while time.perf_counter() < end:
            moves.append(client.json('PUT', '/v1/aliases/moved', {
                'function_version': len(moves) % 2 + 1}))
            time.sleep(0.02)
    mover = threading.Thread(target=move)
    mover.start()
    rows, duration = run_load(
        url, 'moved', lambda _: time.perf_counter() < end)
    mover.join()
    print(f'{len(rows)} executions, {len(rows) / duration:.0f} a second, '
          f'{len(moves)} moves of the alias: {count_wrong(rows)} wrong')


def report_weighted(url: str, count: int) -> None:
    """Run executions through an alias with weights."""
    rows, duration = run_load(url, 'weighted', lambda rows: rows < count)
    numbers = collections.Counter(row['function_version'] for row in rows)
    shares = ', '.join(f'version {version}: {number / len(rows):.4f}'
                       for version, number in sorted(numbers.items()))
    print(f'{len(rows)} executions, {len(rows) / duration:.0f} a second, '
          f'{count_wrong(rows)} wrong; weights {ROUTING}, result {shares}')


def main() -> None:
    parser = argparse.ArgumentParser(
        description='Measure aliases under load.')
    parser.add_argument('--seconds', type=float, default=5,
                        help='duration of the load with a moving alias')
    parser.add_argument('--weighted', type=int, default=10000,
                        help='executions through the alias with weights')
    options = parser.parse_args()
    with service.run_server() as server:
        prepare(service.Client(server.url))
        report_moved(server.url, options.seconds)
        report_weighted(server.url, options.weighted)


if __name__ == '__main__':
    main()
