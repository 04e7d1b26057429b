# SPDX-License-Identifier: Apache-2.0
"""Load on a service under faults, and checks of the results."""

import collections
import contextlib
import http.client
import itertools
import json
import random
import threading
import time

from qinling.tests.functional import base as servers

FUNCTION = ('import time\n\n\ndef main(number, seconds, **kwargs):\n'
            '    time.sleep(seconds)\n    return number\n')
#: Function with a visible child process: see
#: :func:`qinling.tests.functional.processes.sleepers`.
WAITER = ('import subprocess\n\n\ndef main(seconds, **kwargs):\n'
          '    print("started", flush=True)\n'
          '    subprocess.run(["sleep", str(seconds)])\n')
FINAL = {'success', 'failed', 'error'}


class Load:
    """Load of executions from threads, spread over all APIs.

    Half of the executions are asynchronous. A rejected request, or a request
    with a broken connection, is repeated as another execution.

    :param clients: function that returns the clients of the APIs.
    :param rate: executions per second at most.
    """

    def __init__(self, clients, function, total, threads=8, sync=None,
                 rate=None):
        self._clients = clients
        self._function = function
        self._sync = sync
        self._rate = rate
        self._numbers = iter(range(total))
        self._counter = itertools.count()
        self._lock = threading.Lock()
        #: id -> (number, returned row)
        self.accepted = {}
        #: HTTP status or type of an error -> number of rejections
        self.rejections = collections.Counter()
        self.sentences = set()
        #: Seconds of the slowest answer.
        self.slowest = 0
        self.faults = []
        self.threads = threads
        self._is_given_up = False
        self._threads = [threading.Thread(target=self._run, daemon=True)
                         for _ in range(threads)]

    def __enter__(self):
        self._start_time = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind, *error):
        # After an error, nothing is worth a wait.
        self._is_given_up = kind is not None
        for thread in self._threads:
            thread.join(0 if self._is_given_up else 300)
        assert self._is_given_up or not self.is_running()

    def is_running(self):
        """Return whether executions are still created."""
        return any(thread.is_alive() for thread in self._threads)

    def stop_at(self, stop):
        """Stop creating executions once an event is set."""
        numbers = self._numbers
        self._numbers = itertools.takewhile(
            lambda _: not stop.is_set(), numbers)

    def wait_for_accepted(self, number):
        """Wait until ``number`` executions were accepted."""
        servers.wait_for(lambda: len(self.accepted) >= number or self.faults,
                         f'{number} executions', 300)

    def _run(self):
        try:
            for number in iter(self._next, None):
                if self._rate:
                    time.sleep(max(0, self._start_time + number / self._rate
                                   - time.monotonic()))
                while not self._send(number):
                    if self._is_given_up:
                        return
                    time.sleep(0.05 + random.random() / 10)
        except Exception as e:
            self.faults.append(repr(e))

    def _next(self):
        with self._lock:
            return next(self._numbers, None)

    def _send(self, number):
        started = time.monotonic()
        clients = self._clients()
        client = clients[next(self._counter) % len(clients)]
        sync = bool(number % 2) if self._sync is None else self._sync
        try:
            status, headers, body = client.request(
                'POST', '/v1/executions', json.dumps({
                    'function_id': self._function, 'sync': sync,
                    'input': {'number': number, 'seconds': 0.02}}),
                {'Content-Type': 'application/json'})
        except (OSError, http.client.HTTPException) as e:
            self._record_rejection(type(e).__name__)
            return False
        with self._lock:
            self.slowest = max(self.slowest, time.monotonic() - started)
        if status == 201:
            row = json.loads(body)
            with self._lock:
                self.accepted[row['id']] = number, row
            return True
        self._record_rejection(status, body)
        if status == 503 and not headers.get('Retry-After'):
            self.faults.append(body)
        return False

    def _record_rejection(self, kind, sentence=b''):
        with self._lock:
            self.rejections[kind] += 1
            self.sentences.add(sentence)


def check_results(test, load, rows):
    """Check the results of a load.

    Every row must have ended, with the right result, and agree with all
    earlier answers.

    :param rows: all executions after the end of the load.
    """
    test.assertEqual([], load.faults)
    by_id = {row['id']: row for row in rows}
    test.assertLessEqual(set(load.accepted), set(by_id))
    for row in rows:
        test.assertIn(row['status'], FINAL, row)
        if row['status'] == 'success':
            test.assertEqual(json.loads(row['input'])['number']
                             if isinstance(row['input'], str)
                             else row['input']['number'],
                             servers.output(row), row)
        else:
            # The sentence is from the platform, not from the function.
            test.assertEqual('error', row['status'], row)
            test.assertRegex(servers.output(row), 'engine|service', row)
    for id, (number, answer) in load.accepted.items():
        row = by_id[id]
        if not row['sync']:
            test.assertEqual('success', row['status'], row)
        elif answer['status'] != 'running':
            test.assertEqual((answer['status'], answer['result']),
                             (row['status'], row['result']))


def wait_for_executions(client, patience=240):
    """Return all executions after the last has ended."""
    def poll():
        with contextlib.suppress(AssertionError, OSError,
                                 http.client.HTTPException):
            rows = client.get('/v1/executions')['executions']
            return all(row['status'] in FINAL for row in rows) and rows
    return servers.wait_for(poll, 'the end of all executions', patience)
