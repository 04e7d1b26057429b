#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the main job on one machine.

Starts a server of its own in a temporary directory, runs the function
``hello(name)`` in several ways, and prints a table::

    python tools/bench/main_job.py [--seconds 5] [--stored 10000]

Each figure is measured twice: with an empty database, and again when
``--stored`` executions are in it.  Times are medians in milliseconds over
kept-alive connections on the loopback interface; the client shares the
cores with the server.  A round of a bare request (``GET /v1``) is the
reference: it tells how fast the machine is at this moment.
"""

import argparse
import io
import json
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import zipfile

import together

HELLO = """
def hello(name):
    print('hello', name)
    return 'Hello, %s' % name
"""
BOUNDARY = 'qinling-bench'


class Client:
    """One kept-alive connection; so thin that it hardly counts."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile('rb')

    def call(self, method, path, body=b'', kind='application/json', more=''):
        """(status, body bytes) of one request; ``more`` are headers."""
        self._socket.sendall(
            f'{method} {path} HTTP/1.1\r\nHost: bench\r\n{more}'
            f'Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n'
            .encode() + body)
        status = int(self._file.readline().split()[1])
        length = 0
        while (line := self._file.readline()) != b'\r\n':
            name, _, value = line.partition(b':')
            if name.lower() == b'content-length':
                length = int(value)
        return status, self._file.read(length)

    def json(self, method, path, value=None):
        """The decoded answer of a request that must succeed."""
        status, body = self.call(method, path, json.dumps(value).encode())
        if status >= 300:
            raise RuntimeError(f'{method} {path}: {status} {body!r}')
        return json.loads(body)


def create(client, runtime, code=HELLO):
    """Id of a new function ``hello``."""
    return upload(client, 'POST', '/v1/functions', code, (
        ('runtime_id', runtime), ('code', '{"source": "package"}'),
        ('name', 'hello'), ('entry', 'main.hello')))


def update(client, function, code):
    """Give a function other code."""
    upload(client, 'PUT', f'/v1/functions/{function}', code, ())


def upload(client, method, path, code, fields):
    """Id of the function that a form makes of main.py or of a dict."""
    files = code if isinstance(code, dict) else {'main.py': code}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w') as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    parts = b''.join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
        f'\r\n\r\n{value}\r\n'.encode() for name, value in fields)
    body = (parts + f'--{BOUNDARY}\r\nContent-Disposition: form-data; '
            'name="package"; filename="hello.zip"\r\n\r\n'.encode()
            + packed.getvalue() + f'\r\n--{BOUNDARY}--\r\n'.encode())
    status, answer = client.call(
        method, path, body, f'multipart/form-data; boundary={BOUNDARY}')
    if status >= 300:
        raise RuntimeError(answer)
    return json.loads(answer)['id']


def order(function):
    return json.dumps({'function_id': function,
                       'input': '{"name": "Bench"}'}).encode()


def run(client, body):
    status, answer = client.call('POST', '/v1/executions', body)
    if status != 201 or b'"status":"success"' not in answer:
        raise RuntimeError(f'{status} {answer!r}')


def median_ms(action, rounds):
    """Median time of an action in milliseconds."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1000


def load(url, function, connections, seconds):
    """(seconds, sorted times in ms) of executions over several
    connections."""
    body = order(function)
    end = time.perf_counter() + seconds
    times = []

    def work():
        client = Client(url)
        while (begin := time.perf_counter()) < end:
            run(client, body)
            times.append((time.perf_counter() - begin) * 1000)
    return together.at_once(connections, work), sorted(times)


def throughput(url, function, connections, seconds):
    """Executions per second over several connections."""
    took, times = load(url, function, connections, seconds)
    return len(times) / took


def first_ms(client, runtime, ready, rounds):
    """Median time of the first execution of a new function, with a worker
    ready in the pool."""
    times = []
    for _ in range(rounds):
        function = create(client, runtime)
        wait_for_pool(client, runtime, ready)
        body = order(function)
        begin = time.perf_counter()
        run(client, body)
        times.append(time.perf_counter() - begin)
        client.call('POST', f'/v1/functions/{function}/detach')
        client.call('DELETE', f'/v1/functions/{function}')
    return statistics.median(times) * 1000


def pool(client, runtime):
    """``{"total", "available"}`` of a pool."""
    return client.json('GET', f'/v1/runtimes/{runtime}/pool')['capacity']


def wait_for_pool(client, runtime, wanted):
    while pool(client, runtime)['available'] < wanted:
        time.sleep(0.01)


def memory_mib(server, workers):
    """Private memory of all processes below the server, for each worker."""
    total = sum(private(pid) for pid in descendants(server))
    return total / workers / 1024


def descendants(pid):
    """All processes below one."""
    found = []
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        for child in (task / 'children').read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def private(pid):
    """Private memory of a process in KiB."""
    text = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
    return sum(int(line.split()[1]) for line in text.splitlines()
               if line.startswith(('Private_Clean', 'Private_Dirty')))


def start(directory, *words):
    """(process, URL) of a server, with further words for its command."""
    code = 'from qinling.cmd import standalone; standalone.main()'
    server = subprocess.Popen(
        [sys.executable, '-c', code, '--state-dir', directory, '--port', '0',
         '--runtimes', 'python3', *words], stderr=subprocess.PIPE)
    endpoint = pathlib.Path(directory, 'endpoint')
    log = []
    reader = threading.Thread(
        target=lambda: log.extend(server.stderr), daemon=True)
    reader.start()
    while not endpoint.exists():
        if server.poll() is not None:
            reader.join()
            sys.exit(b''.join(log).decode())
        time.sleep(0.02)
    return server, endpoint.read_text().strip()


def measure(url, runtime, ready, seconds):
    """One column of the table: name -> figure."""
    client = Client(url)
    function = create(client, runtime)
    body = order(function)
    for _ in range(50):
        run(client, body)
    return {
        'bare request, p50 ms': median_ms(
            lambda: client.call('GET', '/v1'), 500),
        'sync execution, p50 ms': median_ms(
            lambda: run(client, body), 1000),
        'sync executions/s, 8 connections': throughput(
            url, function, 8, seconds),
        'first execution, p50 ms': first_ms(client, runtime, ready, 20),
    }


def fill(url, runtime, wanted):
    """Run executions until so many are stored; returns how many are."""
    client = Client(url)
    function = create(client, runtime)
    while (stored := count(client)) < wanted:
        throughput(url, function, 8, max(1, (wanted - stored) / 800))
    return stored


def count(client):
    """How many executions are stored."""
    found, path = 0, '/v1/executions?limit=1000'
    while path:
        page = client.json('GET', path)
        found += len(page['executions'])
        path = page.get('next', '').partition('bench')[2]
    return found


def main():
    parser = argparse.ArgumentParser(description='Measure the main job.')
    parser.add_argument('--seconds', type=float, default=5,
                        help='how long to measure throughput')
    parser.add_argument('--stored', type=int, default=10000,
                        help='executions stored for the second column')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        server, url = start(directory)
        try:
            report(server, url, options)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


def report(server, url, options):
    """Measure everything and print the table."""
    client = Client(url)
    runtime = client.json('GET', '/v1/runtimes')['runtimes'][0]['id']
    workers = pool(client, runtime)['total']
    wait_for_pool(client, runtime, workers)
    memory = memory_mib(server.pid, workers)
    empty = measure(url, runtime, workers, options.seconds)
    stored = fill(url, runtime, options.stored)
    full = measure(url, runtime, workers, options.seconds)
    print(f'{"":36}{"empty":>12}{f"{stored} stored":>16}{"ratio":>8}')
    for name, value in empty.items():
        print(f'{name:36}{value:12.2f}{full[name]:16.2f}'
              f'{full[name] / value:8.2f}')
    print(f'{"idle worker, private MiB":36}{memory:12.1f}')


if __name__ == '__main__':
    main()
