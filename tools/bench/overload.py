#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of a service with many more clients than threads.

Starts a server with passwords and two projects.  The clients of one project
run a slow function again and again; a client of the other project runs
``hello`` before, during and after the flood.  Prints how fast the service
refuses, the latency of ``hello``, and the private memory of the service::

    python tools/bench/overload.py [--clients 200] [--seconds 15]

A refused client waits for a moment; ``Retry-After`` would ask for a second.
"""

import argparse
import asyncio
import base64
import multiprocessing
import pathlib
import statistics
import tempfile
import time
import typing

import bcrypt
import processes
import service
import timing

SLOW = '''
import time

def hello(name):
    time.sleep(0.5)
    return name
'''
PAUSE_SECONDS = 0.1
#: Projects with their only user, who has the name of the project.
PROJECTS = ('crowd', 'guest')
CONFIG = ('[api]\nauth_strategy = http_basic\n[http_basic]\nuser_file = %s\n'
          'projects = crowd:crowd,guest:guest\n')


class ProjectClient(service.Client):
    """Connection of the user of a project."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__(url)
        self._headers = create_headers(name)

    def call(self, method: str, path: str, body: bytes = b'',
             content_type: str = 'application/json', headers: str = ''
             ) -> tuple[int, bytes]:
        """Send a request."""
        return super().call(method, path, body, content_type,
                            headers + self._headers)


def create_headers(name: str) -> str:
    """Return the lines of a head with the password of a user."""
    token = base64.b64encode(f'{name}:{name}'.encode()).decode()
    return f'Authorization: Basic {token}\r\n'


class Flood:
    """Clients in a process of their own.

    :param answers: receives (status, milliseconds) of all requests.
    """

    def __init__(self, port: int, body: bytes, clients: int, seconds: float,
                 answers: typing.Any) -> None:
        self._port, self._clients, self._seconds = port, clients, seconds
        self._request = (
            f'POST /v1/executions HTTP/1.1\r\nHost: bench\r\n'
            f'{create_headers(PROJECTS[0])}Content-Type: application/json\r\n'
            f'Content-Length: {len(body)}\r\n\r\n').encode() + body
        self._answers = answers

    def run(self) -> None:
        """Send requests until the time is over."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        results: list[tuple[int, float]] = []
        end = time.perf_counter() + self._seconds
        await asyncio.gather(*(self._serve(end, results)
                               for _ in range(self._clients)))
        self._answers.put(results)

    async def _serve(self, end: float, results: list[tuple[int, float]]
                     ) -> None:
        reader, writer = await asyncio.open_connection(
            '127.0.0.1', self._port)
        while (start := time.perf_counter()) < end:
            writer.write(self._request)
            head = await reader.readuntil(b'\r\n\r\n')
            size = next(int(line.split(b':')[1])
                        for line in head.lower().split(b'\r\n')
                        if line.startswith(b'content-length'))
            await reader.readexactly(size)
            status = int(head.split()[1])
            results.append((status, (time.perf_counter() - start) * 1000))
            if status >= 400:
                await asyncio.sleep(PAUSE_SECONDS)
        writer.close()


def probe(client: service.Client, body: bytes, seconds: float) -> list[float]:
    """Return the milliseconds of executions one after another."""
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        times.append(timing.measure_ms(lambda: client.run(body)))
    return times


def describe(times: list[float]) -> str:
    """Return number and quantiles of times."""
    if len(times) < 2:
        return f'{len(times)}'
    quantiles = statistics.quantiles(times, n=100)
    return (f'{len(times):6}  p50 {quantiles[49]:8.1f} ms  '
            f'p95 {quantiles[94]:8.1f} ms  p99 {quantiles[98]:8.1f} ms')


def measure(server: service.Server, options: argparse.Namespace) -> None:
    """Print the figures before, during and after a flood."""
    crowd, guest = (ProjectClient(server.url, name) for name in PROJECTS)
    runtime = crowd.find_runtime()
    slow = service.build_request(crowd.create_function(runtime, SLOW))
    hello = service.build_request(guest.create_function(runtime))
    crowd.run(slow)
    answers: typing.Any = multiprocessing.Queue()
    flood = multiprocessing.Process(target=Flood(
        int(server.url.rpartition(':')[2]), slow, options.clients,
        options.seconds, answers).run)

    def report(name: str) -> None:
        memory = sum(map(processes.read_private_kib,
                         processes.list_service_processes(server.pid)))
        print(f'{name:8} hello {describe(times)}   memory '
              f'{memory / 1024:.1f} MiB', flush=True)
    times = probe(guest, hello, options.seconds)
    report('before')
    flood.start()
    times = probe(guest, hello, options.seconds)
    report('during')
    results = answers.get()
    flood.join()
    times = probe(guest, hello, options.seconds)
    report('after')
    for status in sorted({status for status, _ in results}):
        print(f'status {status}   ' + describe([
            milliseconds for number, milliseconds in results
            if number == status]))


def main() -> None:
    """Measure a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--clients', type=int, default=200)
    parser.add_argument('--seconds', type=float, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        users = pathlib.Path(directory, 'users')
        users.write_bytes(b''.join(
            b'%b:%b\n' % (name.encode(), bcrypt.hashpw(
                name.encode(), bcrypt.gensalt(4))) for name in PROJECTS))
        users.chmod(0o600)
        with service.run_server(CONFIG % users) as server:
            measure(server, options)


if __name__ == '__main__':
    main()
