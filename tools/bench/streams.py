#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Delay of the parts of a streamed output.

Starts a server with a function that yields the time, waits, and yields the
time again; prints for synchronous executions and for webhooks how long after
each ``yield`` the client has the part::

    python tools/bench/streams.py [--rounds 200]

Both sides read the clock of this machine.
"""

import argparse
import http.client
import json
import statistics
import time
import urllib.parse

import service

CODE = '''import time


def hello(**_input):
    for _ in range(2):
        yield f'{time.time()}\\n'
        time.sleep(0.02)
'''
WARMUP = 20


def receive(connection: http.client.HTTPConnection, path: str, body: bytes
            ) -> list[float]:
    """Return the delay of each part in milliseconds."""
    connection.request('POST', path, body, {
        'Content-Type': 'application/json', 'Accept': 'text/plain'})
    answer = connection.getresponse()
    delays = []
    while line := answer.readline():
        delays.append(1000 * (time.time() - float(line)))
    return delays


def describe(delays: list[float]) -> str:
    """Return median, 95th percentile and maximum."""
    ordered = sorted(delays)
    return (f'{statistics.median(ordered):8.2f}'
            f'{ordered[int(0.95 * len(ordered))]:8.2f}{ordered[-1]:8.2f}')


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=200)
    options = parser.parse_args()
    print(f'{"ms after the yield":32}  median     p95     max')
    with service.run_server(
            '[webhooks]\nrate_limit = 1000000/second\n') as server:
        client = service.Client(server.url)
        function = client.create_function(client.find_runtime(), CODE)
        webhook = client.json('POST', '/v1/webhooks', {
            'function_id': function, 'sync': True, 'stream': 'continue'})
        url = urllib.parse.urlsplit(server.url)
        connection = http.client.HTTPConnection(url.hostname or '', url.port)
        for name, path, body in (
                ('execution', '/v1/executions',
                 json.dumps({'function_id': function}).encode()),
                ('webhook', urllib.parse.urlsplit(
                    webhook['webhook_url']).path, b'{}')):
            for _ in range(WARMUP):
                receive(connection, path, body)
            rounds = [receive(connection, path, body)
                      for _ in range(options.rounds)]
            for number, part in enumerate(('first part', 'second part')):
                print(f'{name + ", " + part:32}' + describe(
                    [delays[number] for delays in rounds]))


if __name__ == '__main__':
    main()
