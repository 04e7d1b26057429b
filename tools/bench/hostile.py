#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures how well others are served while functions are hostile.

Starts a server of its own, runs ``hello`` alone, then while each of several
hostile functions runs in workers of its own, then while all of them do, and
prints the median and the 95th percentile of the latency of ``hello`` and
their ratios to the time alone::

    python tools/bench/hostile.py [--seconds 5]

The calm time is measured before each attack anew, for machines differ from
minute to minute.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import statistics
import tempfile
import threading
import time

import main_job

FUNCTIONS = (pathlib.Path(__file__).parents[2] / 'qinling' / 'tests'
             / 'functions')
TIMEOUT = 2  # seconds of each hostile execution
WARMING = 3  # seconds in which all get their workers
PAUSE = 0.2  # seconds between two, for it is not about floods of requests
ATTACKS = ('floods.spin_in_processes', 'floods.memory_of_children',
           'floods.forks', 'floods.threads', 'floods.print_for_ever',
           'floods.write_files_for_ever', 'floods.sockets',
           'remains.run_away', 'lies.for_ever')


def package():
    """The files of all hostile functions."""
    files = {each.name: each.read_text()
             for each in FUNCTIONS.glob('hostile_*.py')}
    files['main.py'] = files.pop('hostile_main.py')
    return files


class Attack:
    """Executions of a hostile function, with short pauses, until the end of
    the ``with`` statement."""

    def __init__(self, url, runtime, name):
        self._client = main_job.Client(url)
        function = main_job.upload(
            self._client, 'POST', '/v1/functions', package(), (
                ('runtime_id', runtime), ('code', '{"source": "package"}'),
                ('name', 'hostile'), ('timeout', str(TIMEOUT)),
                ('entry', 'main.main')))
        self._body = json.dumps({
            'function_id': function,
            'input': json.dumps({'name': name})}).encode()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._stop.wait(PAUSE):
            status, answer = self._client.call('POST', '/v1/executions',
                                               self._body)
            if status >= 300:
                raise RuntimeError(f'{status} {answer!r}')

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._stop.set()
        self._thread.join()


def latencies(client, body, seconds):
    """(median, 95th percentile) in milliseconds of executions that follow
    each other for so long."""
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        main_job.run(client, body)
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def report(url, seconds):
    client = main_job.Client(url)
    runtime = client.json('GET', '/v1/runtimes')['runtimes'][0]['id']
    body = main_job.order(main_job.create(client, runtime))
    latencies(client, body, 1)
    print(f'{"":32}{"alone, ms":>18}{"meanwhile, ms":>18}{"ratio":>16}')
    print(f'{"":32}' + f'{"p50":>9}{"p95":>9}' * 2 + f'{"p50":>8}{"p95":>8}')
    for names in [(each,) for each in ATTACKS] + [ATTACKS]:
        calm = latencies(client, body, seconds)
        with contextlib.ExitStack() as stack:
            for name in names:
                stack.enter_context(Attack(url, runtime, name))
            time.sleep(WARMING)
            busy = latencies(client, body, seconds)
        label = names[0] if len(names) == 1 else 'all at once'
        print(f'{label:32}'
              + ''.join(f'{each:9.2f}' for each in calm + busy)
              + ''.join(f'{during / before:8.2f}'
                        for before, during in zip(calm, busy)), flush=True)


def main():
    parser = argparse.ArgumentParser(
        description='Measure latency while functions are hostile.')
    parser.add_argument('--seconds', type=float, default=5,
                        help='how long to measure each time')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        server, url = main_job.start(directory)
        try:
            print(f'{os.cpu_count()} cores')
            report(url, options.seconds)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


if __name__ == '__main__':
    main()
