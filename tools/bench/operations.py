#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of bulk reruns, and of the rollback of an alias.

Creates executions in batches, reruns and deletes them all with an operation,
and rolls an alias back; a busy machine shows in the processor time, which
other programs hardly change::

    python tools/bench/operations.py [--executions 5000] [--rollbacks 200]
"""

import argparse
import os
import pathlib
import statistics
import time
import typing

import aliases
import service
import timing

BATCH = 1000
PAUSE_SECONDS = 0.05
CODE = 'def hello(**kwargs):\n    return {}\n'


def create_executions(client: service.Client, function: str, count: int
                      ) -> None:
    """Create asynchronous executions, and wait until they have ended."""
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        client.json('POST', '/v1/executions/batch', {'executions': [
            {'function_id': function, 'input': '{}'}] * size})
        while client.json('GET', '/v1/executions?status=running&limit=1')[
                'executions']:
            time.sleep(PAUSE_SECONDS)


def read_processor_seconds(pid: int) -> float:
    """Return the processor time of a process and its present children."""
    seconds = 0.0
    for stat in pathlib.Path('/proc').glob('[0-9]*/stat'):
        try:
            fields = stat.read_text().rpartition(')')[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid or int(stat.parent.name) == pid:
            seconds += (int(fields[11]) + int(fields[12])) / os.sysconf(
                'SC_CLK_TCK')
    return seconds


def run_operation(client: service.Client, pid: int, action: str,
                  selection: dict[str, typing.Any]) -> None:
    """Run an operation, and print the executions per second."""
    before, start = read_processor_seconds(pid), time.perf_counter()
    row = client.json('POST', '/v1/operations', {
        'action': action, 'filter': selection})
    while (row := client.json('GET', f'/v1/operations/{row["id"]}'))[
            'status'] == 'running':
        time.sleep(PAUSE_SECONDS)
    seconds = time.perf_counter() - start
    used = read_processor_seconds(pid) - before
    print(f'{action}: {row["done"]} done, {row["skipped"]} skipped, '
          f'{row["done"] / seconds:.0f} a second; the server took '
          f'{used / max(1, row["done"]) * 1000:.2f} ms of processor time for '
          'each', flush=True)


def report_rollbacks(client: service.Client, count: int) -> None:
    """Print the times of rollbacks of an alias, to and fro."""
    times = sorted(timing.measure_ms(lambda: client.json(
        'POST', '/v1/aliases/moved/rollback', {})) for _ in range(count))
    print(f'rollback: p50 {statistics.median(times):.1f} ms  '
          f'p99 {times[len(times) * 99 // 100]:.1f} ms  '
          f'max {times[-1]:.1f} ms', flush=True)


def main() -> None:
    """Run a server and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--executions', type=int, default=5000)
    parser.add_argument('--rollbacks', type=int, default=200)
    options = parser.parse_args()
    print(f'load of the machine: {os.getloadavg()[0]:.1f}')
    with service.run_server() as server:
        client = service.Client(server.url)
        aliases.prepare(client)
        client.json('PUT', '/v1/aliases/moved', {'function_version': 2})
        report_rollbacks(client, options.rollbacks)
        function = client.create_function(client.find_runtime(), CODE)
        create_executions(client, function, options.executions)
        for action in ('rerun', 'delete'):
            run_operation(client, server.pid, action, {
                'function_id': function})
    print(f'load of the machine: {os.getloadavg()[0]:.1f}')


if __name__ == '__main__':
    main()
