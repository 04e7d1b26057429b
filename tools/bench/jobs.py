#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures how late jobs fire when many are due at once.

Writes 10,000 jobs, of which 200 are due in one second, and lets schedulers
of their own processes fire them; prints how late an execution was handed over
to an engine: in the middle, at 95 %, and the last of them::

    python tools/bench/jobs.py [--jobs 10000] [--due 200] [--rounds 3]
        [--schedulers 1 5] [URL...]

A URL is that of an empty database; without one it is a new SQLite file.  Then
it does the same once with a standalone server, where the executions also run,
and tells when the last of them had ended.
"""

import argparse
import collections
import datetime
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import main_job

from qinling import conf as qinling_conf
from qinling.db import migration
from qinling.db import models
from qinling.db import query
from qinling.db import session

#: Seconds from now on when the jobs are due.
AHEAD = 4
#: What a scheduler's process runs: it tells when it handed something over.
PROGRAM = '''
import sys, threading, time
from qinling import conf as qinling_conf
from qinling.db import session
from qinling.engine import scheduler
conf = qinling_conf.load([], [])
conf.set_override('connection', sys.argv[1], group='database')
made = scheduler.Scheduler(
    conf, session.Database(conf),
    lambda row, target: print(row['id'], time.time(), flush=True), None)
made.begin()
print('begun', flush=True)
threading.Event().wait()
'''
HELLO = 'def hello(**kwargs):\n    return 1\n'


def database(url):
    conf = qinling_conf.load([], [])
    conf.set_override('connection', url, group='database')
    return session.Database(conf)


def fill(db, function, count):
    """Jobs that are due on a day to come; returns their ids."""
    def insert(tx):
        return [query.insert(
            tx, models.Job, project_id='default', function_id=function,
            status='running', pattern='0 0 1 1 *',
            next_execution_time=datetime.datetime(2999, 1, 1),
            name=str(number)) for number in range(count)]
    return db.write(insert)


def schedule(db, ids):
    """Have jobs be due in a moment; returns the time."""
    at = models.now().replace(microsecond=0) + datetime.timedelta(
        seconds=AHEAD)
    db.write(lambda tx: query.update_all(
        tx, models.Job, {'next_execution_time': at,
                         'revision': models.Job.revision + 1},
        models.Job.id.in_(ids)))
    return at


def report(name, delays, more=''):
    delays = sorted(delays)
    print(f'{name:<28} {len(delays):>5} {statistics.median(delays):>8.3f} '
          f'{delays[int(len(delays) * 0.95)]:>8.3f} {delays[-1]:>8.3f}{more}',
          flush=True)


def handed_over(url, number, db, ids):
    """Seconds by which each execution was late, with so many schedulers."""
    with tempfile.TemporaryDirectory() as directory:
        paths = [pathlib.Path(directory, str(each))
                 for each in range(number)]
        running = []
        try:
            for path in paths:
                running.append(subprocess.Popen(
                    [sys.executable, '-c', PROGRAM, url],
                    stdout=path.open('w'), stderr=subprocess.DEVNULL))
            wait(lambda: all('begun' in path.read_text() for path in paths))
            at = schedule(db, ids)
            wait(lambda: len(lines(paths)) >= len(ids))
        finally:
            for process in running:
                process.kill()
                process.wait()
        seconds = at.replace(tzinfo=datetime.timezone.utc).timestamp()
        return [float(line.split()[1]) - seconds for line in lines(paths)]


def lines(paths):
    return [line for path in paths
            for line in path.read_text().splitlines() if ' ' in line]


def wait(condition, patience=60):
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise SystemExit('It takes too long.')
        time.sleep(0.05)


def measure(url, options):
    """The schedulers by themselves."""
    db = database(url)
    migration.upgrade(db)
    function = db.write(lambda tx: query.insert(
        tx, models.Function, project_id='default', entry='main.main',
        code={'source': 'package'}, cpu=100, memory_size=1, timeout=5))
    ids = fill(db, function, options.jobs)[:options.due]
    name = url.partition(':')[0]
    for number in options.schedulers:
        for _ in range(options.rounds):
            report(f'{name}, {number} at work',
                   handed_over(url, number, db, ids))
    db.close()


def whole(options):
    """A standalone server, and the ends of the executions."""
    with tempfile.TemporaryDirectory() as directory:
        server, url = main_job.start(directory)
        try:
            client = main_job.Client(url)
            runtime = client.json('GET', '/v1/runtimes')['runtimes'][0]['id']
            function = main_job.create(client, runtime, HELLO)
            db = database(f'sqlite:///{directory}/qinling.db')
            ids = fill(db, function, options.jobs)[:options.due]
            for _ in range(options.rounds):
                known = {row.id for row in ended(db)}
                at = schedule(db, ids)
                wait(lambda: len(ended(db)) - len(known) >= len(ids))
                rows = [row for row in ended(db) if row.id not in known]
                statuses = collections.Counter(row.status for row in rows)
                last = max(row.updated_at for row in rows)
                report('standalone, written', [
                    (row.created_at - at).total_seconds() for row in rows],
                    f'   all ended after {(last - at).total_seconds():.3f} '
                    f'({dict(statuses)})')
            db.close()
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


def ended(db):
    return db.read(lambda tx: query.find(
        tx, models.Execution, models.Execution.status != 'running'))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
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
            measure(url, options)
    whole(options)


if __name__ == '__main__':
    main()
