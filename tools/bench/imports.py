#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""First execution of a function with slow imports, on each further executor.

Starts a server, installs libraries for a function that imports all of them,
and measures the first execution of a new worker, of two further executors of
the worker, and of a second worker::

    python tools/bench/imports.py [--rounds 20] [--libraries fastapi httpx]

The last lines show the memory that the executors share.  Libraries come from
the package index of pip.
"""

import argparse
import json
import pathlib
import statistics
import threading
import time
import typing

import service
import timing

CODE = """
import time
{imports}
def hello(seconds=0):
    time.sleep(seconds)
"""
HOLD_SECONDS = 1.0


class Runner:
    """Sender of executions, each over a connection that is open already.

    :param function: id of the function.
    """

    def __init__(self, url: str, function: str) -> None:
        self._clients = [service.Client(url) for _number in range(5)]
        self._function = function

    def run(self, client: service.Client, seconds: float = 0) -> float:
        """Run an execution; return milliseconds."""
        body = service.build_request(
            self._function, input=json.dumps({'seconds': seconds}))
        return timing.measure_ms(lambda: client.run(body))

    def measure(self, busy: int) -> float:
        """Measure an execution beside executions that occupy executors."""
        threads = [threading.Thread(target=self.run, args=(
            client, HOLD_SECONDS)) for client in self._clients[1:busy + 1]]
        for thread in threads:
            thread.start()
            self._wait_until_busy(1 + threads.index(thread))
        milliseconds = self.run(self._clients[0])
        for thread in threads:
            thread.join()
        return milliseconds

    def _wait_until_busy(self, count: int) -> None:
        """Wait until executions of the function sleep."""
        while len(list_sleeping_executors()) < count:
            time.sleep(0.01)

    def restart(self) -> None:
        """Release the workers of the function."""
        self._clients[0].call(
            'POST', f'/v1/functions/{self._function}/detach')


def list_sleeping_executors() -> list[str]:
    """Return the directories of the processes that run ``hello``.

    A sleeping execution waits in another system call than an idle executor.
    """
    directories = []
    for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
        try:
            command = path.read_bytes()
            if b'/python.py\0' in command and 'nanosleep' in (
                    path.parent / 'wchan').read_text():
                directories.append(str(path.parent))
        except OSError:
            continue
    return directories


def read_memory() -> list[dict[str, int]]:
    """Return KiB by name in ``smaps_rollup`` of the executors."""
    rows = []
    for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
        try:
            if b'/python.py\0' in path.read_bytes():
                lines = (path.parent / 'smaps_rollup').read_text()
                rows.append({
                    line.split(':')[0]: int(line.split()[1])
                    for line in lines.splitlines()[1:]})
        except OSError:
            continue
    return rows


def create_function(client: service.Client, libraries: list[str]) -> str:
    """Create the function, and wait until its libraries are installed."""
    code = CODE.format(imports='\n'.join(
        f'import {name}' for name in libraries))
    function = client.upload('POST', '/v1/functions', {
        'main.py': code, 'requirements.txt': '\n'.join(libraries)}, {
            'runtime_id': client.find_runtime(), 'name': 'imports',
            'code': '{"source": "package"}', 'entry': 'main.hello',
            'memory_size': str(256 << 20)})
    body = service.build_request(function, input='{}')
    while True:
        _status, answer = client.call('POST', '/v1/executions', body)
        if b'"status":"success"' in answer:
            return function
        if b'"failed"' in answer or b'"error"' in answer:
            raise RuntimeError(answer)
        time.sleep(1)


def main(arguments: typing.Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--libraries', nargs='+', default=[
        'fastapi', 'pydantic', 'httpx'])
    args = parser.parse_args(arguments)
    cases = ('first of a worker', 'second executor', 'third executor',
             'second worker')
    times: dict[str, list[float]] = {case: [] for case in cases}
    with service.run_server() as server:
        client = service.Client(server.url)
        runner = Runner(server.url, create_function(client, args.libraries))
        for _round in range(args.rounds):
            runner.restart()
            for busy, case in enumerate(cases):
                times[case].append(runner.measure(busy))
        memory = read_memory()
    for case, values in times.items():
        print(f'{case:18} median {statistics.median(values):7.1f} ms, '
              f'largest {max(values):7.1f} ms')
    for row in memory:
        if row['Rss'] > 20480:
            print(f'executor: {row["Rss"]} KiB resident, '
                  f'{row["Private_Dirty"]} KiB private and changed')


if __name__ == '__main__':
    main()
