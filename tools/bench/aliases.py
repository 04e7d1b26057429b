#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what aliases promise under load.

Runs executions over 8 connections through an alias that is moved all the
time, and then through a weighted one; counts those that failed or that did
not run the version that their row records, and prints the split::

    python tools/bench/aliases.py [--seconds 5] [--weighted 10000]
"""

import argparse
import collections
import json
import signal
import tempfile
import threading
import time

import main_job
import together

ROUTING = {'1': 0.9, '2': 0.1}
SAYS = 'def hello(**kwargs):\n    return {}\n'


def prepare(client, runtime):
    """A function whose versions 1 and 2 return their number, and two
    aliases."""
    function = main_job.create(client, runtime, SAYS.format(1))
    client.json('POST', f'/v1/functions/{function}/versions', {})
    main_job.update(client, function, SAYS.format(2))
    client.json('POST', f'/v1/functions/{function}/versions', {})
    for name, more in (('moved', {}), ('weighted', {'routing': ROUTING})):
        client.json('POST', '/v1/aliases', dict(
            more, name=name, function_id=function, function_version=1))


def load(url, alias, more, connections=8):
    """Run executions while ``more()`` says so; (rows, seconds)."""
    rows, body = [], {'function_alias': alias}

    def work():
        client = main_job.Client(url)
        while more(len(rows)):
            rows.append(client.json('POST', '/v1/executions', body))
    took = together.at_once(connections, work)
    return rows, took


def wrong(rows):
    """How many did not succeed, or ran another version than they say."""
    return sum(row['status'] != 'success' or json.loads(row['result'])[
        'output'] != row['function_version'] for row in rows)


def moving(url, seconds):
    """Move the alias while executions run through it."""
    client, moves = main_job.Client(url), []
    end = time.perf_counter() + seconds

    def move():
        while time.perf_counter() < end:
            moves.append(client.json('PUT', '/v1/aliases/moved', {
                'function_version': len(moves) % 2 + 1}))
            time.sleep(0.02)
    mover = threading.Thread(target=move)
    mover.start()
    rows, took = load(url, 'moved', lambda _: time.perf_counter() < end)
    mover.join()
    print(f'{len(rows)} executions, {len(rows) / took:.0f} a second, '
          f'{len(moves)} moves of the alias: {wrong(rows)} wrong')


def weighted(url, count):
    """Run executions through a weighted alias."""
    rows, took = load(url, 'weighted', lambda done: done < count)
    found = collections.Counter(row['function_version'] for row in rows)
    split = ', '.join(f'version {version}: {number / len(rows):.4f}'
                      for version, number in sorted(found.items()))
    print(f'{len(rows)} executions, {len(rows) / took:.0f} a second, '
          f'{wrong(rows)} wrong; wanted {ROUTING}, found {split}')


def main():
    parser = argparse.ArgumentParser(
        description='Measure what aliases promise under load.')
    parser.add_argument('--seconds', type=float, default=5,
                        help='how long to move an alias under load')
    parser.add_argument('--weighted', type=int, default=10000,
                        help='executions through the weighted alias')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        server, url = main_job.start(directory)
        try:
            client = main_job.Client(url)
            prepare(client, client.json('GET', '/v1/runtimes')['runtimes'][
                0]['id'])
            moving(url, options.seconds)
            weighted(url, options.weighted)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


if __name__ == '__main__':
    main()
