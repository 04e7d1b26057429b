#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Processor time of executions that wait.

Starts a server and executions of a function that sleeps, as one does that
waits for an answer from the network.  Prints the processor time of one
waiting execution per second, in the service and in its worker::

    python tools/bench/waiting.py [--executions 16] [--seconds 10]
"""

import argparse
import time

import processes
import service

SLEEP = '''
import time

def hello(name):
    time.sleep(%f)
'''
#: Seconds until all executions wait, and further ones of their sleep.
START_SECONDS, MARGIN_SECONDS = 10, 5


def start(client: service.Client, executions: int, seconds: float) -> None:
    """Start executions, and wait until all of them run."""
    function = client.create_function(client.find_runtime(), SLEEP % seconds)
    client.json('PUT', f'/v1/functions/{function}',
                {'timeout': int(seconds) + 60})
    for _ in range(executions):
        client.send(service.build_request(function, sync=False))
    deadline = time.monotonic() + START_SECONDS
    while any(row['started_at'] is None for row in client.json(
            'GET', f'/v1/executions?function_id={function}')['executions']):
        if time.monotonic() > deadline:
            raise SystemExit('The executions do not start.')
        time.sleep(0.1)
    time.sleep(max(0, deadline - time.monotonic()))


def main() -> None:
    """Measure a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--executions', type=int, default=16)
    parser.add_argument('--seconds', type=float, default=10)
    options = parser.parse_args()
    with service.run_server() as server:
        client = service.Client(server.url)
        service_pids = processes.list_service_processes(server.pid)
        before_idle = processes.read_cpu_ms(service_pids)
        time.sleep(options.seconds)
        idle_ms = processes.read_cpu_ms(service_pids) - before_idle
        start(client, options.executions,
              START_SECONDS + options.seconds + MARGIN_SECONDS)
        groups = service_pids, [
            pid for pid in processes.list_descendants(server.pid)
            if pid not in service_pids]
        before = [processes.read_cpu_ms(pids) for pids in groups]
        time.sleep(options.seconds)
        server_ms, worker_ms = (
            processes.read_cpu_ms(pids) - start_ms
            for pids, start_ms in zip(groups, before))
    seconds = options.executions * options.seconds
    print('Processor time of a waiting execution per second: '
          f'{(server_ms - idle_ms) / seconds:.2f} ms in the service, '
          f'{worker_ms / seconds:.2f} ms in its worker.')


if __name__ == '__main__':
    main()
