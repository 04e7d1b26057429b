# SPDX-License-Identifier: Apache-2.0
"""Compare the speed of Qinling with that of its peers.

The peers come from PyPI into an environment of their own: functions-framework
(Google's server of Cloud Functions, which stores nothing and isolates
nothing), with its default server and with two processes, and Celery with
Redis (tasks with results).  All of them run the same function, take turns,
and share the machine with the load generator ``wrk``.
"""

import argparse
from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv

import service

PACKAGES = ('functions-framework>=3.8', 'celery[redis]>=5.4', 'gunicorn')
SECONDS, ROUNDS = 6, 3
CONNECTIONS = (1, 8, 32)
REFERENCE = 'functions-framework'
START_SECONDS = 60
WEB_FUNCTION = '''
import flask

def hello(request: flask.Request):
    return {'output': 'Hello, %s' % request.get_json()['name']}
'''
CELERY_TASK = '''
import celery

app = celery.Celery('tasks', broker='redis://127.0.0.1:6379/13',
                    backend='redis://127.0.0.1:6379/14')

@app.task
def hello(name):
    return 'Hello, %s' % name
'''
#: Prints seconds, number and median in milliseconds for a number of threads.
CELERY_LOAD = '''
import statistics, sys, threading, time
import tasks
seconds, threads, times = float(sys.argv[1]), int(sys.argv[2]), []
end = time.perf_counter() + seconds

def work():
    while time.perf_counter() < end:
        start = time.perf_counter()
        tasks.hello.delay('Bench').get(timeout=30)
        times.append(time.perf_counter() - start)
tasks.hello.delay('Bench').get(timeout=30)
workers = [threading.Thread(target=work) for _ in range(threads)]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
print(len(times) / seconds, statistics.median(times) * 1000)
'''
WRK_SCRIPT = '''
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[%s]==]
'''


@dataclasses.dataclass
class Result:
    """Figures of one peer in one round."""

    median_ms: float
    #: Requests per second by number of connections.
    rates: dict[int, float]
    #: Processor seconds per 1,000 requests at 8 connections.
    cpu_seconds: float


#: Load on a running peer: connections -> (requests per second, median in ms)
Load = Callable[[int], tuple[float, float]]


def read_cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and its descendants."""
    parents: dict[int, list[int]] = {}
    times: dict[int, int] = {}
    for path in pathlib.Path('/proc').glob('[0-9]*/stat'):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(')')[2].split()
            child = int(path.parent.name)
            parents.setdefault(int(fields[1]), []).append(child)
            times[child] = sum(map(int, fields[11:15]))
    total, pending = 0, [pid]
    while pending:
        process = pending.pop()
        total += times.get(process, 0)
        pending += parents.get(process, [])
    return total / os.sysconf('SC_CLK_TCK')


def measure(pid: int, load: Load) -> Result:
    """Measure a running peer."""
    rates: dict[int, float] = {}
    medians: dict[int, float] = {}
    cpu_seconds = 0.0
    load(1)
    for connections in CONNECTIONS:
        before = read_cpu_seconds(pid)
        rates[connections], medians[connections] = load(connections)
        if connections == 8:
            cpu_seconds = (read_cpu_seconds(pid) - before) / (
                rates[connections] * SECONDS) * 1000
    return Result(medians[1], rates, cpu_seconds)


def load_http(url: str, body: str, directory: str) -> Load:
    """Return the load of ``wrk`` on a URL."""
    script = pathlib.Path(directory, 'wrk.lua')
    script.write_text(WRK_SCRIPT % body)

    def load(connections: int) -> tuple[float, float]:
        output = subprocess.run(
            ['wrk', '--latency', f'-c{connections}', '-t1', f'-d{SECONDS}',
             '-s', str(script), url], capture_output=True, text=True,
            check=True).stdout
        if 'Non-2xx' in output:
            sys.exit(f'{url} fails under load:\n{output}')
        rate = re.search(r'Requests/sec:\s+([0-9.]+)', output)
        median = re.search(r'50%\s+([0-9.]+)(us|ms|s)', output)
        assert rate and median, output
        unit = {'us': 0.001, 'ms': 1, 's': 1000}[median[2]]
        return float(rate[1]), float(median[1]) * unit
    return load


@contextlib.contextmanager
def run_process(command: list[str], directory: str, port: int | None
                ) -> Iterator[int]:
    """Run a peer until the end of the block; yield the process id."""
    process = subprocess.Popen(
        command, cwd=directory, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + START_SECONDS
        while port is not None:
            with contextlib.suppress(OSError):
                socket.create_connection(('127.0.0.1', port)).close()
                break
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f'{command[0]} does not start.')
            time.sleep(0.1)
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def free_port() -> int:
    """Return a port that nothing uses."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def measure_framework(programs: pathlib.Path, *processes: str) -> Result:
    """Measure functions-framework."""
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory, 'main.py').write_text(WEB_FUNCTION)
        port = free_port()
        command = [str(programs / 'functions-framework'), '--target', 'hello',
                   '--port', str(port)]
        if processes:
            command = [
                str(programs / 'gunicorn'), '--bind', f'127.0.0.1:{port}',
                '--workers', processes[0], '--threads', '8',
                'functions_framework:create_app("hello", "main.py")']
        with run_process(command, directory, port) as pid:
            return measure(pid, load_http(
                f'http://127.0.0.1:{port}/', '{"name": "Bench"}', directory))


def measure_celery(programs: pathlib.Path) -> Result:
    """Measure Celery with Redis, with as many processes as CPUs."""
    with tempfile.TemporaryDirectory() as directory:
        pathlib.Path(directory, 'tasks.py').write_text(CELERY_TASK)
        pathlib.Path(directory, 'load.py').write_text(CELERY_LOAD)

        def load(connections: int) -> tuple[float, float]:
            output = subprocess.run(
                [str(programs / 'python'), 'load.py', str(SECONDS),
                 str(connections)], cwd=directory, capture_output=True,
                text=True, check=True).stdout.split()
            return float(output[0]), float(output[1])
        command = [str(programs / 'celery'), '-A', 'tasks', 'worker',
                   '--loglevel', 'ERROR']
        with run_process(command, directory, None) as pid:
            return measure(pid, load)


def measure_qinling() -> Result:
    """Measure qinling-standalone."""
    with service.run_server() as server, (
            tempfile.TemporaryDirectory()) as directory:
        client = service.Client(server.url)
        runtime = client.find_runtime()
        client.wait_for_pool(runtime, 1)
        function = client.create_function(runtime)
        body = service.build_request(function)
        for _ in range(20):
            client.run(body)
        return measure(server.pid, load_http(
            f'{server.url}/v1/executions', body.decode(), directory))


def create_environment(directory: pathlib.Path) -> pathlib.Path:
    """Install the peers; return the directory of their programs."""
    programs = directory / 'bin'
    if not (programs / 'celery').exists():
        print(f'Installing {", ".join(PACKAGES)} into {directory} ...',
              flush=True)
        venv.create(directory, with_pip=True)
        subprocess.run([programs / 'pip', 'install', '--quiet', *PACKAGES],
                       check=True)
    return programs


def _has_redis() -> bool:
    try:
        socket.create_connection(('127.0.0.1', 6379), 1).close()
        return True
    except OSError:
        return False


def print_table(results: dict[str, list[Result]]) -> None:
    """Print the medians of all rounds, and ratios to the reference."""
    def median(name: str, read: Callable[[Result], float]) -> float:
        return statistics.median(map(read, results[name]))
    print(f'{"":26}{"p50 ms":>8}{"ratio":>7}' + ''.join(
        f'{f"/s at {number}":>10}{"ratio":>7}' for number in CONNECTIONS[1:])
        + f'{"CPU s/1000":>12}')
    for name in results:
        cells = f'{name:26}'
        value = median(name, lambda result: result.median_ms)
        base = median(REFERENCE, lambda result: result.median_ms)
        cells += f'{value:8.2f}{value / base:7.2f}'
        for number in CONNECTIONS[1:]:
            value = median(name, lambda result: result.rates[number])
            base = median(REFERENCE, lambda result: result.rates[number])
            cells += f'{value:10.0f}{value / base:7.2f}'
        print(cells + f'{median(name, lambda r: r.cpu_seconds):12.2f}')


def main() -> None:
    """Measure all peers in turns, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--rounds', type=int, default=ROUNDS)
    parser.add_argument(
        '--environment', type=pathlib.Path,
        default=pathlib.Path(tempfile.gettempdir(), 'qinling-bench-peers'),
        help='directory of the environment of the peers (default: '
             '%(default)s)')
    arguments = parser.parse_args()
    if shutil.which('wrk') is None:
        sys.exit('The load generator "wrk" is missing; on Debian: apt '
                 'install wrk.')
    programs = create_environment(arguments.environment)
    peers: dict[str, Callable[[], Result]] = {
        REFERENCE: lambda: measure_framework(programs),
        f'{REFERENCE}, 2 proc.': lambda: measure_framework(programs, '2'),
        'qinling-standalone': measure_qinling}
    if _has_redis():
        peers['celery, redis'] = lambda: measure_celery(programs)
    results: dict[str, list[Result]] = {name: [] for name in peers}
    for number in range(arguments.rounds):
        for name, peer in peers.items():
            print(f'Round {number + 1}: {name} ...', file=sys.stderr,
                  flush=True)
            results[name].append(peer())
    print_table(results)


if __name__ == '__main__':
    main()
