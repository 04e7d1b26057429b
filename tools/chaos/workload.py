# SPDX-License-Identifier: Apache-2.0
"""Clients that send random requests and record every outcome."""

from collections.abc import Callable
import http.client
import json
import random
import threading
import time
import typing
import uuid

import history as histories

FUNCTION = ('import time\n\n\ndef main(token=None, seconds=0, **kwargs):\n'
            '    time.sleep(seconds)\n    return token\n')
#: Name of the alias that moves between the first versions.
ALIAS = 'moved'
VERSIONS = 3
#: Jobs that fire each minute, and jobs that clients create and delete.
FIRING_JOBS, FREE_JOBS = 4, 3
PATTERN = '* * * * *'
#: Durations of executions: faults meet the long ones while they run.
DURATIONS = (0, 0, 0.02, 0.02, 0.02, 2.5)
PAUSE_SECONDS = 0.05
#: Seconds between the requests of a client after an error.
ERROR_PAUSE_SECONDS = 0.3
FIELDS = ('id', 'status', 'result')
_ERRORS = (OSError, http.client.HTTPException, ValueError)

Client = typing.Any


class Workload:
    """Requests of several clients.

    :param clients: returns the clients of the APIs that serve.
    """

    def __init__(self, clients: Callable[[], list[Client]],
                 history: histories.History, seed: int) -> None:
        self._clients = clients
        self._history = history
        self._seed = seed
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self.executions: list[str] = []
        self.errors: list[str] = []

    def prepare(self, client: Client) -> None:
        """Create function, versions, alias, jobs and quota."""
        self.function = client.create(FUNCTION)['id']
        for _ in range(VERSIONS):
            self._publish(client)
        self._record('write', ALIAS, 1, client, 'POST', '/v1/aliases', {
            'name': ALIAS, 'function_id': self.function,
            'function_version': 1})
        for _ in range(FIRING_JOBS):
            status, row = client.call('POST', '/v1/jobs', {
                'function_id': self.function, 'pattern': PATTERN,
                'misfire': 'all'})
            assert status == 201, row
            project = row['project_id']
        status, row = client.call('PUT', f'/v1/quotas/{project}', {
            'jobs': FIRING_JOBS + FREE_JOBS})
        assert status in (200, 202), row

    def start(self, count: int) -> None:
        """Start the clients."""
        for number in range(count):
            thread = threading.Thread(
                target=self._run, args=(random.Random(
                    f'{self._seed}/{number}'),), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop the clients, and wait for their last answers."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self, rng: random.Random) -> None:
        actions = {self._execute: 8, self._repeat: 2, self._observe: 6,
                   self._cancel: 1, self._move: 2, self._read: 4,
                   self._publish: 1, self._churn_job: 1, self._count_jobs: 1}
        self._stopped.wait(rng.random())
        while not self._stopped.is_set():
            client = rng.choice(self._clients())
            action = rng.choices(list(actions), list(actions.values()))[0]
            try:
                fine = action(client, rng)
            except Exception as e:
                self.errors.append(f'{action.__name__}: {e!r}')
                fine = False
            self._stopped.wait(PAUSE_SECONDS if fine else
                               ERROR_PAUSE_SECONDS)

    def _record(self, kind: str, subject: str, value: typing.Any,
                client: Client, *request: typing.Any) -> typing.Any:
        """Send a request, record the outcome, and return the answer.

        :param value: value of the operation, or a function of the answer.
        :param request: method, path, body and headers.
        """
        start = time.monotonic()
        outcome, answer = send(client, *request)
        end = time.monotonic()
        if outcome == histories.OK and callable(value):
            value = value(answer)
        self._history.add(histories.Operation(
            kind, subject, start, end, outcome,
            None if callable(value) else value))
        return answer if outcome == histories.OK else None

    def _execute(self, client: Client, rng: random.Random) -> bool:
        token = str(uuid.UUID(int=rng.getrandbits(128)))
        return self._create_execution(client, rng, token, {})

    def _create_execution(self, client: Client, rng: random.Random,
                          token: str, headers: dict[str, str]) -> bool:
        values = {'input': {'token': token,
                            'seconds': rng.choice(DURATIONS)},
                  'sync': rng.random() < 0.5}
        by_alias = not headers and rng.random() < 0.3
        values.update({'function_alias': ALIAS} if by_alias
                      else {'function_id': self.function})
        start = time.monotonic()
        row = self._record('execute', token, _pick, client, 'POST',
                           '/v1/executions', values, headers)
        if row is None:
            return False
        self.executions.append(row['id'])
        if by_alias:
            # The alias was read at some moment of the request.
            self._history.add(histories.Operation(
                'read', ALIAS, start, time.monotonic(),
                value=row['function_version']))
        return True

    def _repeat(self, client: Client, rng: random.Random) -> bool:
        """Send a request twice, to any APIs, with one idempotency key."""
        token = str(uuid.UUID(int=rng.getrandbits(128)))
        values = random.Random(token)
        fine = False
        for peer in (client, rng.choice(self._clients())):
            values.seed(token)
            fine = self._create_execution(
                peer, values, token, {'Idempotency-Key': token})
        return fine

    def _observe(self, client: Client, rng: random.Random) -> bool:
        if not self.executions:
            return True
        # Recent executions change most.
        id = rng.choice(self.executions[-50:])
        return self._record('observe', id, _pick, client, 'GET',
                            f'/v1/executions/{id}') is not None

    def _cancel(self, client: Client, rng: random.Random) -> bool:
        if not self.executions:
            return True
        id = rng.choice(self.executions[-5:])
        self._record('cancel', id, _pick, client, 'PUT',
                     f'/v1/executions/{id}', {'status': 'cancelled'})
        return True

    def _move(self, client: Client, rng: random.Random) -> bool:
        version = rng.randint(1, VERSIONS)
        return self._record('write', ALIAS, version, client, 'PUT',
                            f'/v1/aliases/{ALIAS}', {
                                'function_version': version}) is not None

    def _read(self, client: Client, _rng: random.Random) -> bool:
        return self._record(
            'read', ALIAS, lambda row: row['function_version'], client,
            'GET', f'/v1/aliases/{ALIAS}') is not None

    def _publish(self, client: Client, _rng: random.Random | None = None
                 ) -> bool:
        return self._record(
            'publish', self.function, lambda row: row['version_number'],
            client, 'POST', f'/v1/functions/{self.function}/versions', {}
        ) is not None

    def _churn_job(self, client: Client, rng: random.Random) -> bool:
        """Create a job, and delete the job later."""
        row = self._record_job(client)
        if row is None:
            return False
        self._stopped.wait(rng.random())
        self._record('delete', row['id'], None, client, 'DELETE',
                     f'/v1/jobs/{row["id"]}')
        return True

    def _record_job(self, client: Client) -> typing.Any:
        start = time.monotonic()
        outcome, row = send(client, 'POST', '/v1/jobs', {
            'function_id': self.function, 'pattern': '@yearly'})
        self._history.add(histories.Operation(
            'create', row['id'] if outcome == histories.OK else '', start,
            time.monotonic(), outcome))
        return row if outcome == histories.OK else None

    def _count_jobs(self, client: Client, _rng: random.Random) -> bool:
        return self._record(
            'count', 'jobs', lambda answer: len(answer['jobs']), client,
            'GET', '/v1/jobs') is not None


def send(client: Client, method: str, path: str,
         body: typing.Any = None, headers: dict[str, str] | None = None
         ) -> tuple[str, typing.Any]:
    """Return the outcome of a request, and the decoded answer.

    A server that answers by 5xx may have committed before the database or
    the bus went away.
    """
    try:
        status, _, data = client.request(
            method, path, None if body is None else json.dumps(body),
            {'Content-Type': 'application/json', **(headers or {})})
        if status >= 500:
            return histories.UNKNOWN, None
        if status >= 400:
            return histories.REFUSED, None
        return histories.OK, json.loads(data) if data else None
    except _ERRORS:
        return histories.UNKNOWN, None


def _pick(row: dict[str, typing.Any]) -> dict[str, typing.Any]:
    return {name: row[name] for name in FIELDS}
