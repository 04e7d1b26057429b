#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of executions on one machine.

Starts a server in a temporary directory, runs the function ``hello(name)`` in
several ways, and prints a table::

    python tools/bench/main_job.py [--seconds 5] [--stored 10000]

Each figure is measured twice: with an empty database, and again with
``--stored`` executions in the database.  Times are medians in milliseconds
over kept-alive connections on the loopback interface; the client shares the
cores with the server.  A round of a bare request (``GET /v1``) is the
reference for the present speed of the machine.
"""

import argparse

import processes
import service
import timing


def measure(url: str, runtime: str, workers: int, seconds: float
            ) -> dict[str, float]:
    """Return one column of the table: figures by name."""
    client = service.Client(url)
    function = client.create_function(runtime)
    body = service.build_request(function)
    for _ in range(50):
        client.run(body)
    return {
        'bare request, p50 ms': timing.measure_median_ms(
            lambda: client.call('GET', '/v1'), 500),
        'sync execution, p50 ms': timing.measure_median_ms(
            lambda: client.run(body), 1000),
        'sync executions/s, 8 connections': timing.measure_throughput(
            url, function, 8, seconds),
        'first execution, p50 ms': timing.measure_first_ms(
            client, runtime, workers, 20),
    }


def store_executions(url: str, runtime: str, count: int) -> int:
    """Run executions until ``count`` are stored, and return the number."""
    client = service.Client(url)
    function = client.create_function(runtime)
    while (stored := count_executions(client)) < count:
        timing.measure_throughput(
            url, function, 8, max(1, (count - stored) / 800))
    return stored


def count_executions(client: service.Client) -> int:
    """Return the number of stored executions."""
    count, path = 0, '/v1/executions?limit=1000'
    while path:
        page = client.json('GET', path)
        count += len(page['executions'])
        path = page.get('next', '').partition('bench')[2]
    return count


def report(server: service.Server, options: argparse.Namespace) -> None:
    """Measure all figures and print the table."""
    client = service.Client(server.url)
    runtime = client.find_runtime()
    workers = client.get_capacity(runtime)['total']
    client.wait_for_pool(runtime, workers)
    memory_kib = sum(map(processes.read_private_kib,
                         processes.list_descendants(server.pid)))
    empty = measure(server.url, runtime, workers, options.seconds)
    stored = store_executions(server.url, runtime, options.stored)
    full = measure(server.url, runtime, workers, options.seconds)
    print(f'{"":36}{"empty":>12}{f"{stored} stored":>16}{"ratio":>8}')
    for name, value in empty.items():
        print(f'{name:36}{value:12.2f}{full[name]:16.2f}'
              f'{full[name] / value:8.2f}')
    memory_mib = memory_kib / workers / 1024
    print(f'{"idle worker, private MiB":36}{memory_mib:12.1f}')


def main() -> None:
    parser = argparse.ArgumentParser(description='Measure executions.')
    parser.add_argument('--seconds', type=float, default=5,
                        help='duration of a measurement of throughput')
    parser.add_argument('--stored', type=int, default=10000,
                        help='stored executions for the second column')
    options = parser.parse_args()
    with service.run_server() as server:
        report(server, options)


if __name__ == '__main__':
    main()
