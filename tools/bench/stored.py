#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of a server with many stored executions.

Starts a server with an empty database, then one with many executions, and
prints for each the time until the first result, the processor time of the
idle server, and the delays of asynchronous and synchronous executions::

    python tools/bench/stored.py [--rows 1000000] [--seconds 30]
"""

import argparse
import pathlib
import tempfile
import time

import lists
import processes
import service
import timing

from qinling import conf as qinling_conf
from qinling.db import crud
from qinling.db import migration
from qinling.db import models
from qinling.db import session

#: Seconds for what a server does after its start.
SETTLE_SECONDS = 10
#: Seconds between two executions.
PAUSE_SECONDS = 0.02


def fill(url: str, rows: int) -> None:
    """Write executions that the statistics have counted."""
    conf = qinling_conf.load([], [])
    conf.set_override('connection', url, group='database')
    db = session.Database(conf, patient=True)
    migration.upgrade(db)
    if rows:
        lists.fill(db, rows)
        db.write(lambda tx: crud.update_all(
            tx, models.StatisticsProgress,
            {'ended_at': lists.END, 'id': lists.create_id(0)}))
        # No engine has to recover any.
        db.write(lambda tx: crud.update_all(
            tx, models.Execution, {'status': 'error', 'lease_until': None},
            models.Execution.lease_until.is_not(None)))
    db.close()


def measure_idle(server: service.Server, seconds: float) -> float:
    """Return the processor time of an idle server in ms per second."""
    pids = processes.list_service_processes(server.pid)
    start = processes.read_cpu_ms(pids)
    time.sleep(seconds)
    return (processes.read_cpu_ms(pids) - start) / seconds


def measure_delays(client: service.Client, body: bytes, seconds: float
                   ) -> str:
    """Return the delays of requests one after the other, as text."""
    times = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        times.append(timing.measure_ms(lambda: client.send(body)))
        time.sleep(PAUSE_SECONDS)
    times.sort()
    return (f'p50 {times[len(times) // 2]:.1f}, '
            f'p99 {times[int(len(times) * 0.99)]:.1f}, max {times[-1]:.1f} ms')


def report(rows: int, seconds: float) -> None:
    """Print the figures of a server with a number of executions."""
    with tempfile.TemporaryDirectory() as directory:
        url = f'sqlite:///{pathlib.Path(directory, "bench.db")}'
        fill(url, rows)
        start = time.monotonic()
        with service.run_server(
                f'[database]\nconnection = {url}\n') as server:
            client = service.Client(server.url)
            function = client.create_function(client.find_runtime())
            client.run(service.build_request(function))
            print(f'{rows} executions: first result after '
                  f'{time.monotonic() - start:.1f} s', flush=True)
            time.sleep(SETTLE_SECONDS)
            print(f'  idle   {measure_idle(server, seconds):.1f} ms of CPU '
                  'per second', flush=True)
            for sync in (False, True):
                body = service.build_request(function, sync=sync)
                print(f'  {"sync  " if sync else "async "} '
                      f'{measure_delays(client, body, seconds)}', flush=True)


def main() -> None:
    """Print the figures without and with executions."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--rows', type=int, default=1000000)
    parser.add_argument('--seconds', type=float, default=30,
                        help='of each measurement')
    options = parser.parse_args()
    for rows in (0, options.rows):
        report(rows, options.seconds)


if __name__ == '__main__':
    main()
