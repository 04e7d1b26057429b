#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the delay of jobs when many jobs are due at once.

Writes 10,000 jobs, of which 200 are due in the same second, and lets
schedulers in processes of their own fire these jobs.  Prints the delay until
the handover of the execution to an engine: median, 95 % and maximum::

    python tools/bench/jobs.py [--jobs 10000] [--due 200] [--rounds 3]
        [--schedulers 1 5] [URL...]

A URL is the URL of an empty database; default is a new SQLite file.  Repeats
the measurement once with a standalone server, which also runs the
executions, and prints when the last execution ended.
"""

import argparse
import collections
from collections.abc import Callable
import datetime
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import typing

import service

from qinling import conf as qinling_conf
from qinling.db import crud
from qinling.db import migration
from qinling.db import models
from qinling.db import session

#: Time until the jobs are due.
LEAD_SECONDS = 4
#: Program of a scheduler; prints the time of every handover.
PROGRAM = '''
import sys, threading, time
from qinling import conf as qinling_conf
from qinling.db import session
from qinling.engine import background
from qinling.engine.periodic import scheduler


class Queue:
    def start(self, message, target):
        print(message.id, time.time(), flush=True)


conf = qinling_conf.load([], [])
conf.set_override('connection', sys.argv[1], group='database')
scheduler.Scheduler(conf, session.Database(conf), Queue(),
                    background.Background()).start()
print('started', flush=True)
threading.Event().wait()
'''
CODE = 'def hello(**kwargs):\n    return 1\n'


def open_database(url: str) -> session.Database:
    """Return the database of a URL."""
    conf = qinling_conf.load([], [])
    conf.set_override('connection', url, group='database')
    return session.Database(conf)


def create_jobs(db: session.Database, function: str, count: int) -> list[str]:
    """Create jobs that are due in the far future, and return the ids."""
    def insert(tx: typing.Any) -> list[str]:
        return [crud.insert(
            tx, models.Job, project_id='default', function_id=function,
            status='running', pattern='0 0 1 1 *',
            next_execution_time=datetime.datetime(2999, 1, 1),
            name=str(number)) for number in range(count)]
    return db.write(insert)


def set_due(db: session.Database, ids: list[str]) -> datetime.datetime:
    """Set the same fire time for all jobs, and return the time."""
    at = models.now().replace(microsecond=0) + datetime.timedelta(
        seconds=LEAD_SECONDS)
    db.write(lambda tx: crud.update_all(
        tx, models.Job, {'next_execution_time': at,
                         'revision': models.Job.revision + 1},
        models.Job.id.in_(ids)))
    return at


def print_row(name: str, delays: list[float], note: str = '') -> None:
    """Print a row of the table."""
    delays = sorted(delays)
    print(f'{name:<28} {len(delays):>5} {statistics.median(delays):>8.3f} '
          f'{delays[int(len(delays) * 0.95)]:>8.3f} {delays[-1]:>8.3f}{note}',
          flush=True)


def measure_handover(url: str, number: int, db: session.Database,
                     ids: list[str]) -> list[float]:
    """Return the delay of each execution in seconds, with several
    schedulers."""
    with tempfile.TemporaryDirectory() as directory:
        paths = [pathlib.Path(directory, str(index))
                 for index in range(number)]
        processes = []
        try:
            for path in paths:
                processes.append(subprocess.Popen(
                    [sys.executable, '-c', PROGRAM, url],
                    stdout=path.open('w'), stderr=subprocess.DEVNULL))
            wait_for(lambda: all(
                'started' in path.read_text() for path in paths))
            at = set_due(db, ids)
            wait_for(lambda: len(read_times(paths)) >= len(ids))
        finally:
            for process in processes:
                process.kill()
                process.wait()
        due = at.replace(tzinfo=datetime.timezone.utc).timestamp()
        return [handover - due for handover in read_times(paths)]


def read_times(paths: list[pathlib.Path]) -> list[float]:
    """Return the times of the handovers in the outputs of schedulers."""
    return [float(line.split()[1]) for path in paths
            for line in path.read_text().splitlines() if ' ' in line]


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f'The jobs did not end in {seconds:g} seconds.')
        time.sleep(0.05)


def measure_schedulers(url: str, options: argparse.Namespace) -> None:
    """Measure the schedulers without executions."""
    db = open_database(url)
    migration.upgrade(db)
    function = db.write(lambda tx: crud.insert(
        tx, models.Function, project_id='default', entry='main.main',
        code={'source': 'package'}, cpu=100, memory_size=1, timeout=5))
    ids = create_jobs(db, function, options.jobs)[:options.due]
    for number in options.schedulers:
        for _ in range(options.rounds):
            print_row(f'{url.partition(":")[0]}, {number} schedulers',
                      measure_handover(url, number, db, ids))
    db.close()


def measure_server(options: argparse.Namespace) -> None:
    """Measure a standalone server until the end of the executions."""
    with service.run_server() as server:
        client = service.Client(server.url)
        function = client.create_function(client.find_runtime(), CODE)
        db = open_database(f'sqlite:///{server.directory}/qinling.db')
        ids = create_jobs(db, function, options.jobs)[:options.due]
        for _ in range(options.rounds):
            old = {row.id for row in list_ended(db)}
            at = set_due(db, ids)
            wait_for(lambda: len(list_ended(db)) - len(old) >= len(ids))
            rows = [row for row in list_ended(db) if row.id not in old]
            statuses = dict(collections.Counter(row.status for row in rows))
            end = max(row.updated_at for row in rows)
            print_row('standalone, written', [
                (row.created_at - at).total_seconds() for row in rows],
                f'   all ended after {(end - at).total_seconds():.3f} '
                f'({statuses})')
        db.close()


def list_ended(db: session.Database) -> typing.Any:
    """Return the rows of ended executions."""
    return db.read(lambda tx: crud.select(
        tx, models.Execution, models.Execution.status != 'running'))


def main() -> None:
    parser = argparse.ArgumentParser(
        description='Measure the delay of jobs.')
    parser.add_argument('--jobs', type=int, default=10000)
    parser.add_argument('--due', type=int, default=200)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--schedulers', type=int, nargs='+', default=[1, 5])
    parser.add_argument('urls', nargs='*', metavar='URL')
    options = parser.parse_args()
    print(f'{"seconds late":<28} {"fired":>5} {"median":>8} {"95 %":>8} '
          f'{"last":>8}')
    with tempfile.TemporaryDirectory() as directory:
        for url in options.urls or [f'sqlite:///{directory}/qinling.db']:
            measure_schedulers(url, options)
    measure_server(options)


if __name__ == '__main__':
    main()
