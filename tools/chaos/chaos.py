#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check the guarantees of a cloud while its processes fail.

Starts a database server, two APIs and two engines over it and the RabbitMQ of
this machine, sends random requests, injects faults, heals them, and checks the
history::

    python tools/chaos/chaos.py --database mariadb --seconds 1800

Prints a report; the exit code is 1 if a guarantee is broken.  ``--history``
keeps the history for analysis.
"""

import argparse
import collections
from collections.abc import Iterator
import dataclasses
import datetime
import json
import pathlib
import random
import sys
import time
import typing

sys.path[:0] = [str(pathlib.Path(__file__).parent),
                str(pathlib.Path(__file__).parents[2])]

import checks  # noqa: E402
import deployment  # noqa: E402
import history as histories  # noqa: E402
import nemesis as nemesis_module  # noqa: E402
import servers as chaos_servers  # noqa: E402
import workload as workload_module  # noqa: E402

from qinling.tests.functional import base as servers  # noqa: E402

CLIENTS = 8
#: Executions of a request.
PAGE = 500
#: Seconds for the recovery after the last fault.
RECOVERY_SECONDS = 300
QUOTA = workload_module.FIRING_JOBS + workload_module.FREE_JOBS


@dataclasses.dataclass(frozen=True)
class Report:
    """Result of a run."""

    seed: int
    violations: list[str]
    faults: list[str]
    skipped: list[str]
    counts: collections.Counter[str]
    statuses: collections.Counter[str]
    recovery_seconds: float
    errors: list[str]
    tracebacks: collections.Counter[str]

    def __str__(self) -> str:
        lines = [f'Seed {self.seed}', 'Faults:', *self.faults,
                 'Not injected:', *self.skipped,
                 'Requests:', *(f'{number:7} {name}' for name, number
                                in sorted(self.counts.items())),
                 'Executions at the end:',
                 *(f'{number:7} {name}' for name, number
                   in sorted(self.statuses.items())),
                 f'Recovered in {self.recovery_seconds:.1f} s',
                 *self.errors,
                 'Tracebacks in the logs:',
                 *(f'{number:7} {text}' for text, number
                   in sorted(self.tracebacks.items())),
                 *(self.violations or ['All guarantees hold.'])]
        return '\n'.join(lines)


def run(cloud: deployment.Deployment, seconds: float, seed: int,
        history_path: pathlib.Path | None = None) -> Report:
    """Run clients and nemesis for some time, and check the history."""
    history = histories.History()
    workload = workload_module.Workload(cloud.list_clients, history, seed)
    nemesis = nemesis_module.Nemesis(cloud, seed)
    workload.prepare(cloud.client)
    workload.start(CLIENTS)
    nemesis.start()
    time.sleep(seconds)
    nemesis.stop()
    workload.stop()
    healed = time.monotonic()
    final = read_final(cloud)
    recovery = time.monotonic() - healed
    if history_path:
        history.save(history_path)
    return Report(
        seed, find_violations(history, final), nemesis.log, nemesis.skipped,
        count_requests(history), count_executions(final), recovery,
        workload.errors, collections.Counter(cloud.list_tracebacks()))


def find_violations(history: histories.History, final: histories.Final
                    ) -> list[str]:
    """Return a sentence for each broken guarantee."""
    return [sentence for check in (
        *checks.CHECKS, checks.check_quota(QUOTA))
        for sentence in check(history, final)]


def count_requests(history: histories.History) -> collections.Counter[str]:
    """Return the number of requests by kind and outcome."""
    return collections.Counter(
        f'{operation.kind} {operation.outcome}' for operation in
        history.select('execute', 'observe', 'cancel', 'read', 'write',
                       'publish', 'create', 'delete', 'count'))


def count_executions(final: histories.Final) -> collections.Counter[str]:
    """Return the number of executions by status, and of further kinds."""
    statuses = collections.Counter(
        row['status'] if row['status'] == 'success' else
        f'{row["status"]} {row["reason"]}: {row["output"]}'
        for row in final.executions.values())
    statuses['of fire times'] = sum(
        row['job_id'] is not None for row in final.executions.values())
    statuses['after more than one attempt'] = sum(
        row['attempt'] > 1 for row in final.executions.values())
    return statuses


def read_final(cloud: deployment.Deployment) -> histories.Final:
    """Return the state after the end of all executions and fire times."""
    client = next(iter(cloud.clients.values()))

    def poll() -> typing.Any:
        outcome, answer = workload_module.send(
            client, 'GET', '/v1/executions?status=running&limit=1')
        if outcome != histories.OK or answer['executions']:
            return None
        outcome, jobs = workload_module.send(client, 'GET', '/v1/jobs')
        firing = [row for row in jobs['jobs']
                  if row['pattern'] == workload_module.PATTERN]
        now = datetime.datetime.now(datetime.timezone.utc).replace(
            tzinfo=None)
        is_behind = any(checks.parse_time(row['next_execution_time']) <= now
                        for row in firing)
        return not is_behind and firing
    jobs = servers.wait_for(poll, 'the recovery', RECOVERY_SECONDS)
    return histories.Final({row['id']: _describe(row)
                            for row in _read_executions(client)}, jobs)


def _read_executions(client: typing.Any) -> Iterator[histories.Row]:
    """Yield all executions, page by page."""
    path = f'/v1/executions?limit={PAGE}'
    while path:
        page = client.get(path)
        yield from page['executions']
        path = page.get('next') or ''
        path = path[path.find('/v1/'):]


def _describe(row: histories.Row) -> histories.Row:
    """Return a row with the token of its request and its output."""
    values = row['input']
    if isinstance(values, str):
        values = json.loads(values)
    result = json.loads(row['result']) if row['result'] else {}
    return dict(row, token=(values or {}).get('token'),
                output=result.get('output'))


def main() -> int:
    """Run as the arguments say, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--database', choices=sorted(chaos_servers.DATABASES),
                        default='mariadb')
    parser.add_argument('--seconds', type=float, default=60)
    parser.add_argument('--seed', type=int,
                        default=random.SystemRandom().randrange(10 ** 6))
    parser.add_argument('--history', type=pathlib.Path)
    arguments = parser.parse_args()
    with deployment.Deployment(arguments.database) as cloud:
        report = run(cloud, arguments.seconds, arguments.seed,
                     arguments.history)
    print(report)
    return 1 if report.violations else 0


if __name__ == '__main__':
    sys.exit(main())
