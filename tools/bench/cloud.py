# SPDX-License-Identifier: Apache-2.0
"""Measures synchronous executions of a cloud deployment.

Starts one API and one engine over a real message bus and database, runs the
function ``hello(name)``, and prints executions per second and times for 1, 8
and 32 connections, and where the time goes::

    python tools/bench/cloud.py \
        --transport-url rabbit://guest:guest@127.0.0.1:5672/bench \
        --database-url mysql+pymysql://root@127.0.0.1/bench

The database must be empty, and the virtual host be there.  The load, both
programs, the workers, the bus and the database share the cores.  Figures are
medians of rounds; a bare request (``GET /v1``) in each round is the reference
that tells how fast the machine is at this moment.
"""

import argparse
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import main_job

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
#: Seconds for which the idle programs are watched, whose processor time is
#: not that of executions.
IDLE = 3
SERVERS = ('mariadbd', 'mysqld', 'postgres', 'beam.smp')


class Program:
    """One of the programs, as a process."""

    def __init__(self, name, directory, *words):
        self.log = pathlib.Path(directory, f'{name}.log')
        code = f'from qinling.cmd import {name}; {name}.main()'
        with self.log.open('wb') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-c', code, '--config-file',
                 f'{directory}/qinling.conf', *words],
                stdout=log, stderr=log)

    def told(self, pattern):
        """What the log says, once it does."""
        while True:
            found = re.search(pattern, self.log.read_text())
            if found:
                return found[1]
            if self.process.poll() is not None:
                sys.exit(self.log.read_text())
            time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def cpu_ms(pids):
    """Processor time that processes have had."""
    total = 0
    for pid in pids:
        try:
            text = pathlib.Path(f'/proc/{pid}/stat').read_text()
        except OSError:
            continue
        total += sum(map(int, text.rpartition(')')[2].split()[11:13]))
    return total * 1000 / os.sysconf('SC_CLK_TCK')


def named(names):
    """Ids of processes by the names of their programs."""
    for path in pathlib.Path('/proc').glob('[0-9]*/comm'):
        try:
            if path.read_text().strip() in names:
                yield int(path.parent.name)
        except OSError:
            continue


def spent(groups, action):
    """Processor time in ms that groups of processes have while something
    is done."""
    before = {name: cpu_ms(pids) for name, pids in groups.items()}
    action()
    return {name: cpu_ms(pids) - before[name]
            for name, pids in groups.items()}


def figure(port, name):
    """The sum of the samples of a metric of the engine."""
    with urllib.request.urlopen(f'http://127.0.0.1:{port}/metrics') as found:
        return sum(float(value) for value in re.findall(
            rf'^{name}(?:{{[^}}]*}})? (\S+)$', found.read().decode(), re.M))


def measure(url, function, options):
    """The table of connections."""
    print(f'{"connections":>12}{"per second":>12}{"p50 ms":>9}{"p99 ms":>9}'
          f'{"bare p50 ms":>13}')
    client = main_job.Client(url)
    for connections in (1, 8, 32):
        main_job.load(url, function, connections, 1)
        rounds = []
        for _ in range(options.rounds):
            bare = main_job.median_ms(
                lambda: client.call('GET', '/v1'), 200)
            took, times = main_job.load(
                url, function, connections, options.seconds)
            rounds.append((len(times) / took, times[len(times) // 2],
                           times[int(len(times) * .99)], bare))
        rate, p50, p99, bare = map(statistics.median, zip(*rounds))
        print(f'{connections:12}{rate:12.0f}{p50:9.2f}{p99:9.2f}{bare:13.2f}')


def explain(url, runtime, function, api, engine):
    """Where the time of one execution goes, on one connection."""
    client = main_job.Client(url)
    port = engine.told(r'Metrics at \S+ port (\d+)')
    names = [f'qinling_{name}_{part}' for name in (
        'execution_duration_seconds', 'worker_wait_seconds')
        for part in ('sum', 'count')]
    before = [figure(port, name) for name in names]
    groups = {'API': [api.process.pid], 'engine': [engine.process.pid],
              'workers': main_job.descendants(engine.process.pid),
              'bus and database': list(named(SERVERS))}
    idle = spent(groups, lambda: time.sleep(IDLE))
    found = []
    busy = spent(groups, lambda: found.extend(
        main_job.load(url, function, 1, 5)))
    seconds, times = found
    count = len(times)
    took, number, waited, _ = (
        after - old for after, old in zip(
            (figure(port, name) for name in names), before))
    print(f'\n{"one connection, mean of an execution, ms":44}'
          f'{statistics.mean(times):8.2f}')
    print(f'{"  in the engine: claim, worker, result":44}'
          f'{took / number * 1000:8.2f}')
    print(f'{"    of that, waiting for a place on a worker":44}'
          f'{waited / number * 1000:8.2f}')
    for name, action in (
            ('a bare request (HTTP)', lambda: client.call('GET', '/v1')),
            ('  and one query', lambda: client.call(
                'GET', f'/v1/runtimes/{runtime}')),
            ('  and a call over the bus', lambda: client.call(
                'GET', f'/v1/runtimes/{runtime}/pool'))):
        print(f'{name + ", p50 ms":44}'
              f'{main_job.median_ms(action, 500):8.2f}')
    for name in groups:
        each = (busy[name] - idle[name] * seconds / IDLE) / count
        print(f'{"processor time in " + name + ", ms":44}{each:8.2f}')


def main():
    parser = argparse.ArgumentParser(
        description='Measure synchronous executions of a cloud deployment.')
    parser.add_argument('--transport-url', required=True)
    parser.add_argument('--database-url', required=True)
    parser.add_argument('--seconds', type=float, default=4,
                        help='how long each round lasts')
    parser.add_argument('--rounds', type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory, 'qinling.conf').write_text(CONFIG.format(
            bus=options.transport_url, database=options.database_url,
            directory=directory))
        manage = Program('db_manage', directory, 'upgrade')
        manage.told(r'(The database is at)')
        engine, api = (Program(name, directory)
                       for name in ('engine', 'api'))
        try:
            run(engine, api, options)
        finally:
            for program in (api, engine):
                program.stop()


def run(engine, api, options):
    """Make a function, and measure it."""
    url = api.told(r'Serving at (\S+)\.\n')
    client = main_job.Client(url)
    engine.told(r'(Metrics at)')
    runtime = client.json('POST', '/v1/runtimes', {
        'image': 'python3', 'name': 'python3'})['id']
    while client.json('GET', f'/v1/runtimes/{runtime}')[
            'status'] != 'available':
        time.sleep(0.1)
    function = main_job.create(client, runtime)
    for _ in range(50):
        main_job.run(client, main_job.order(function))
    measure(url, function, options)
    explain(url, runtime, function, api, engine)


if __name__ == '__main__':
    main()
