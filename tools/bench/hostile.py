#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of an ordinary function beside hostile functions.

Starts a server and runs ``hello`` alone, then beside each of several hostile
functions in workers of their own, then beside all hostile functions.  Prints
the median and the 95th percentile of the latency of ``hello``, and the ratios
to the latency alone::

    python tools/bench/hostile.py [--seconds 5]

The latency alone is measured again before each attack, because the speed of a
machine varies from minute to minute.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import threading
import time

import service
import timing

FUNCTIONS = (pathlib.Path(__file__).parents[2] / 'qinling' / 'tests'
             / 'functions')
#: Limit of each hostile execution.
TIMEOUT_SECONDS = 2
#: Time for all hostile functions to get their workers.
WARMUP_SECONDS = 3
#: Pause between two hostile executions: floods of requests are no subject.
PAUSE_SECONDS = 0.2
ATTACKS = ('floods.spin_in_processes', 'floods.memory_of_children',
           'floods.forks', 'floods.threads', 'floods.print_for_ever',
           'floods.write_files_for_ever', 'floods.sockets',
           'remains.run_away', 'lies.for_ever')


def read_files() -> dict[str, str]:
    """Return the files of all hostile functions by name."""
    files = {path.name: path.read_text()
             for path in FUNCTIONS.glob('hostile_*.py')}
    files['main.py'] = files.pop('hostile_main.py')
    return files


class Attack:
    """Executions of a hostile function, with short pauses, until the end of
    the ``with`` statement."""

    def __init__(self, url: str, runtime: str, name: str) -> None:
        self._client = service.Client(url)
        function = self._client.upload('POST', '/v1/functions', read_files(), {
            'runtime_id': runtime, 'code': '{"source": "package"}',
            'name': 'hostile', 'timeout': str(TIMEOUT_SECONDS),
            'entry': 'main.main'})
        self._body = service.build_request(
            function, input=json.dumps({'name': name}))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.wait(PAUSE_SECONDS):
            status, answer = self._client.call('POST', '/v1/executions',
                                               self._body)
            if status >= 300:
                raise RuntimeError(f'{status} {answer!r}')

    def __enter__(self) -> 'Attack':
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()


def measure_latency(client: service.Client, body: bytes, seconds: float
                    ) -> tuple[float, float]:
    """Return (median, 95th percentile) in milliseconds of sequential
    executions."""
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        times.append(timing.measure_ms(lambda: client.run(body)))
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def report(url: str, seconds: float) -> None:
    """Measure all attacks and print the table."""
    client = service.Client(url)
    runtime = client.find_runtime()
    body = service.build_request(client.create_function(runtime))
    measure_latency(client, body, 1)
    print(f'{"":32}{"alone, ms":>18}{"meanwhile, ms":>18}{"ratio":>16}')
    print(f'{"":32}' + f'{"p50":>9}{"p95":>9}' * 2 + f'{"p50":>8}{"p95":>8}')
    for names in [(name,) for name in ATTACKS] + [ATTACKS]:
        alone = measure_latency(client, body, seconds)
        with contextlib.ExitStack() as stack:
            for name in names:
                stack.enter_context(Attack(url, runtime, name))
            time.sleep(WARMUP_SECONDS)
            meanwhile = measure_latency(client, body, seconds)
        label = names[0] if len(names) == 1 else 'all at once'
        print(f'{label:32}'
              + ''.join(f'{latency:9.2f}' for latency in alone + meanwhile)
              + ''.join(f'{after / before:8.2f}'
                        for before, after in zip(alone, meanwhile)),
              flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description='Measure latency beside hostile functions.')
    parser.add_argument('--seconds', type=float, default=5,
                        help='duration of each measurement')
    options = parser.parse_args()
    with service.run_server() as server:
        print(f'{os.cpu_count()} cores')
        report(server.url, options.seconds)


if __name__ == '__main__':
    main()
