#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the flow control.

Starts a server, and prints for asynchronous executions without and with a
flow control the processor time of the server, without and with the workers.
Then prints the delay of a synchronous execution of a quiet key, alone and
while many executions of another key wait::

    python tools/bench/flow_control.py [--executions 300] [--rounds 4]

The rounds alternate, so that a change of the load meets both kinds.
"""

import argparse
import json
import statistics
import threading
import time

import processes
import service

FLOW = {'key': '$.name', 'concurrency': 1}
WARMUP = 20


def create_function(client: service.Client, flow: object = None) -> str:
    """Return the id of a new function with a flow control."""
    function = client.create_function(client.find_runtime())
    if flow is not None:
        client.json('PUT', f'/v1/functions/{function}',
                    {'flow_control': flow})
    return function


def create_body(function: str, name: str, sync: bool = False) -> bytes:
    """Return the body that runs a function."""
    return service.build_request(
        function, sync=sync, input=json.dumps({'name': name}))


def wait_for_executions(client: service.Client) -> None:
    """Wait until no execution runs."""
    while client.json('GET', '/v1/executions?status=running&limit=1')[
            'executions']:
        time.sleep(0.05)


def measure_cpu(server: service.Server, client: service.Client,
                function: str, executions: int) -> tuple[float, float]:
    """Return the processor time of an execution in milliseconds.

    :returns: time of the server, and that of the server and its workers.
    """
    groups = (processes.list_service_processes(server.pid),
              [server.pid, *processes.list_descendants(server.pid)])
    before = [processes.read_cpu_ms(pids) for pids in groups]
    for number in range(executions):
        client.send(create_body(function, f'key {number}'))
    wait_for_executions(client)
    server_ms, all_ms = (
        (processes.read_cpu_ms(pids) - start) / executions
        for pids, start in zip(groups, before))
    return server_ms, all_ms


def measure_delays(client: service.Client, function: str, executions: int
                   ) -> list[float]:
    """Return the delays of synchronous executions in milliseconds."""
    delays = []
    for number in range(executions):
        started = time.perf_counter()
        client.run(create_body(function, f'key {number}', sync=True))
        delays.append((time.perf_counter() - started) * 1000)
    return delays


class NoisyKey:
    """Sender of one key; a fixed number per second while a ``with`` lasts."""

    def __init__(self, server: service.Server, function: str, rate: int
                 ) -> None:
        self._client = service.Client(server.url)
        self._body = create_body(function, 'noisy')
        self._pause = 1 / rate
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stopped.wait(self._pause):
            self._client.send(self._body)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exc_info: object) -> None:
        self._stopped.set()
        self._thread.join()


def percentile_95(values: list[float]) -> float:
    """Return the value that 95 % do not exceed."""
    return statistics.quantiles(values, n=20)[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description='Measure the flow control.')
    parser.add_argument('--executions', type=int, default=300,
                        help='executions of a round')
    parser.add_argument('--rounds', type=int, default=4)
    parser.add_argument('--noisy-rate', type=int, default=20,
                        help='executions of the noisy key per second')
    args = parser.parse_args()
    with service.run_server() as server:
        client = service.Client(server.url)
        functions = {'no flow control': create_function(client),
                     'flow control': create_function(client, FLOW)}
        for function in functions.values():
            measure_cpu(server, client, function, WARMUP)
        figures: dict[str, list[tuple[float, float]]] = {
            name: [] for name in functions}
        delays: dict[str, list[float]] = {'alone': [], 'noisy': [],
                                          'as busy': []}
        for _ in range(args.rounds):
            for name, function in functions.items():
                figures[name].append(measure_cpu(
                    server, client, function, args.executions))
            controlled = functions['flow control']
            delays['alone'] += measure_delays(
                client, controlled, args.executions)
            for name, target in (
                    ('noisy', controlled),
                    ('as busy', functions['no flow control'])):
                with NoisyKey(server, target, args.noisy_rate):
                    delays[name] += measure_delays(
                        client, controlled, args.executions)
                wait_for_executions(client)
        for name, pairs in figures.items():
            for kind, values in zip(('', ', with workers'), zip(*pairs)):
                print(f'{name + kind:31} {statistics.median(values):6.2f} ms '
                      f'of CPU for an execution ({min(values):.2f} to '
                      f'{max(values):.2f})')
        for name, times in delays.items():
            print(f'quiet key, {name:8} p50 {statistics.median(times):6.2f} '
                  f'ms, p95 {percentile_95(times):6.2f} ms')


if __name__ == '__main__':
    main()
