#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of synchronous executions of a cloud deployment.

Starts one API and one engine over an existing message bus and database, runs
the function ``hello(name)``, and prints executions per second and times for
1, 8 and 32 connections, and the parts of the time of an execution::

    python tools/bench/cloud.py \
        --transport-url rabbit://guest:guest@127.0.0.1:5672/bench \
        --database-url mysql+pymysql://root@127.0.0.1/bench

The database must be empty, and the virtual host must exist.  The load, both
programs, the workers, the bus and the database share the cores.  Figures are
medians of rounds; a bare request (``GET /v1``) in each round is the reference
for the present speed of the machine.
"""

import argparse
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import processes
import service
import timing

CONFIG = """
[DEFAULT]
transport_url = {bus}
[database]
connection = {database}
[storage]
file_system_dir = {directory}/packages
[api]
host = 127.0.0.1
port = 0
[metrics]
engine_port = 0
[oslo_messaging_rabbit]
rpc_conn_pool_size = 64
"""
#: Duration of the measurement of idle programs, whose processor time is
#: subtracted.
IDLE_SECONDS = 3
DURATION = 'qinling_execution_duration_seconds'
WAIT = 'qinling_worker_wait_seconds'
SERVERS = ('mariadbd', 'mysqld', 'postgres', 'beam.smp')


class Program:
    """Process of a program of the service."""

    def __init__(self, name: str, directory: str, *words: str) -> None:
        self.log = pathlib.Path(directory, f'{name}.log')
        code = f'from qinling.cmd import {name}; {name}.main()'
        with self.log.open('wb') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-c', code, '--config-file',
                 f'{directory}/qinling.conf', *words],
                stdout=log, stderr=log)

    def wait_for_log(self, pattern: str) -> str:
        """Wait for a line in the log, and return the group of the match."""
        while True:
            match = re.search(pattern, self.log.read_text())
            if match:
                return match[1]
            if self.process.poll() is not None:
                sys.exit(self.log.read_text())
            time.sleep(0.05)

    def stop(self) -> None:
        """Terminate the process."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def find_processes(names: Iterable[str]) -> Iterator[int]:
    """Yield the ids of processes by the names of their programs."""
    for path in pathlib.Path('/proc').glob('[0-9]*/comm'):
        try:
            if path.read_text().strip() in names:
                yield int(path.parent.name)
        except OSError:
            continue


def measure_cpu_ms(pids: Mapping[str, Iterable[int]],
                   action: Callable[[], object]) -> dict[str, float]:
    """Return the processor time by name during an action."""
    before = {name: processes.read_cpu_ms(pids[name]) for name in pids}
    action()
    return {name: processes.read_cpu_ms(pids[name]) - before[name]
            for name in pids}


def read_metric(port: str, name: str) -> float:
    """Return the sum of the samples of a metric of the engine."""
    with urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics') as answer:
        return sum(float(value) for value in re.findall(
            rf'^{name}(?:{{[^}}]*}})? (\S+)$', answer.read().decode(), re.M))


def print_loads(url: str, function: str, options: argparse.Namespace) -> None:
    """Measure and print the table of connections."""
    print(f'{"connections":>12}{"per second":>12}{"p50 ms":>9}{"p99 ms":>9}'
          f'{"bare p50 ms":>13}')
    client = service.Client(url)
    for connections in (1, 8, 32):
        timing.measure_load(url, function, connections, 1)
        rounds = []
        for _ in range(options.rounds):
            bare = timing.measure_median_ms(
                lambda: client.call('GET', '/v1'), 200)
            duration, times = timing.measure_load(
                url, function, connections, options.seconds)
            rounds.append((len(times) / duration, times[len(times) // 2],
                           times[int(len(times) * .99)], bare))
        rate, p50, p99, bare = map(statistics.median, zip(*rounds))
        print(f'{connections:12}{rate:12.0f}{p50:9.2f}{p99:9.2f}{bare:13.2f}')


def print_parts(url: str, function: str, api: Program, engine: Program
                ) -> None:
    """Measure and print the parts of the time of an execution, on one
    connection."""
    port = engine.wait_for_log(r'metrics at \S+ port (\d+)')
    names = [f'{DURATION}_sum', f'{DURATION}_count', f'{WAIT}_sum']
    before = [read_metric(port, name) for name in names]
    pids = {'API': [api.process.pid], 'engine': [engine.process.pid],
            'workers': processes.list_descendants(engine.process.pid),
            'bus and database': list(find_processes(SERVERS))}
    idle = measure_cpu_ms(pids, lambda: time.sleep(IDLE_SECONDS))
    loads: list[tuple[float, list[float]]] = []
    busy = measure_cpu_ms(pids, lambda: loads.append(
        timing.measure_load(url, function, 1, 5)))
    (seconds, times), = loads
    duration, count, wait = (
        read_metric(port, name) - value for name, value in zip(names, before))
    print()
    for name, value in (
            ('one connection, mean of an execution, ms',
             statistics.mean(times)),
            ('  in the engine: claim, worker, result',
             duration / count * 1000),
            ('    of these, waiting for a slot of a worker',
             wait / count * 1000)):
        print(f'{name:44}{value:8.2f}')
    print_requests(url)
    for name in pids:
        cpu_ms = busy[name] - idle[name] * seconds / IDLE_SECONDS
        print(f'{"processor time in " + name + ", ms":44}'
              f'{cpu_ms / len(times):8.2f}')


def print_requests(url: str) -> None:
    """Measure and print requests without an execution."""
    client = service.Client(url)
    runtime = client.find_runtime()
    for name, path in (
            ('a bare request (HTTP)', '/v1'),
            ('  and one query', f'/v1/runtimes/{runtime}'),
            ('  and a call over the bus', f'/v1/runtimes/{runtime}/pool')):
        median = timing.measure_median_ms(
            lambda: client.call('GET', path), 500)
        print(f'{name + ", p50 ms":44}{median:8.2f}')


def main() -> None:
    parser = argparse.ArgumentParser(
        description='Measure synchronous executions of a cloud deployment.')
    parser.add_argument('--transport-url', required=True)
    parser.add_argument('--database-url', required=True)
    parser.add_argument('--seconds', type=float, default=4,
                        help='duration of each round')
    parser.add_argument('--rounds', type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory, 'qinling.conf').write_text(CONFIG.format(
            bus=options.transport_url, database=options.database_url,
            directory=directory))
        manage = Program('db_manage', directory, 'upgrade')
        manage.wait_for_log(r'(The database is at)')
        engine, api = (Program(name, directory)
                       for name in ('engine', 'api'))
        try:
            run(engine, api, options)
        finally:
            for program in (api, engine):
                program.stop()


def run(engine: Program, api: Program, options: argparse.Namespace) -> None:
    """Create a function and measure executions."""
    url = api.wait_for_log(r'Serving at (\S+)\.\n')
    client = service.Client(url)
    engine.wait_for_log(r'(metrics at)')
    runtime = client.json('POST', '/v1/runtimes', {
        'image': 'python3', 'name': 'python3'})['id']
    while client.json('GET', f'/v1/runtimes/{runtime}')[
            'status'] != 'available':
        time.sleep(0.1)
    function = client.create_function(runtime)
    body = service.build_request(function)
    for _ in range(50):
        client.run(body)
    print_loads(url, function, options)
    print_parts(url, function, api, engine)


if __name__ == '__main__':
    main()
