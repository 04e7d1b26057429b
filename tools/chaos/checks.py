# SPDX-License-Identifier: Apache-2.0
"""Checks of a history: each yields sentences about broken guarantees."""

import collections
from collections.abc import Callable
from collections.abc import Iterator
import datetime
import itertools
import typing

import history as histories
import linearizability

RUNNING = 'running'
_TIME = '%Y-%m-%d %H:%M:%S'

Check = Callable[[histories.History, histories.Final], Iterator[str]]


def check_acknowledged(history: histories.History, final: histories.Final
                       ) -> Iterator[str]:
    """Yield acknowledged executions that are lost, stuck or mixed up."""
    for operation in history.select('execute'):
        if operation.outcome != histories.OK:
            continue
        id = operation.value['id']
        row = final.executions.get(id)
        if row is None:
            yield f'Execution {id} was acknowledged, but is lost.'
        elif row['status'] == RUNNING:
            yield f'Execution {id} does not end.'
        elif row['token'] != operation.subject:
            yield f'Execution {id} belongs to another request.'
    for id, row in final.executions.items():
        if (row['status'] == 'success' and row['token'] is not None
                and row['output'] != row['token']):
            yield f'Execution {id} has the result of another execution.'


def check_single_effect(history: histories.History, final: histories.Final
                        ) -> Iterator[str]:
    """Yield requests with more executions than allowed.

    Requests with one idempotency key share the subject.
    """
    counts = collections.Counter(
        row['token'] for row in final.executions.values() if row['token'])
    outcomes = collections.defaultdict(set)
    for operation in history.select('execute'):
        outcomes[operation.subject].add(operation.outcome)
    for token, number in counts.items():
        if number > 1:
            yield f'Request {token} has {number} executions.'
        if outcomes[token] <= {histories.REFUSED}:
            yield f'Request {token} was refused, but has run.'


def check_statuses(history: histories.History, final: histories.Final
                   ) -> Iterator[str]:
    """Yield executions whose status or result changed after their end."""
    ends: dict[str, tuple[float, typing.Any]] = {}
    answers = sorted(history.select('execute', 'observe', 'cancel'),
                     key=lambda operation: operation.start)
    # An observation that starts after another one has ended must agree.
    for operation in history.select('execute', 'observe', 'cancel'):
        if operation.outcome == histories.OK:
            id, status = operation.value['id'], operation.value['status']
            if status != RUNNING and id not in ends:
                ends[id] = operation.end, (status, operation.value['result'])
    for operation in answers:
        if operation.outcome != histories.OK:
            continue
        end, outcome = ends.get(operation.value['id'], (float('inf'), None))
        if operation.start > end and outcome != (
                operation.value['status'], operation.value['result']):
            yield (f'Execution {operation.value["id"]} was {outcome}, and '
                   f'later {operation.value["status"]}.')
    for id, (_, outcome) in ends.items():
        row = final.executions.get(id)
        if row and (row['status'], row['result']) != outcome:
            yield (f'Execution {id} was {outcome}, and is {row["status"]} at '
                   'the end.')


def check_fire_times(_history: histories.History, final: histories.Final
                     ) -> Iterator[str]:
    """Yield fire times that are lost, doubled or not of the schedule.

    The jobs fire each minute and skip nothing.
    """
    fired = collections.defaultdict(list)
    for row in final.executions.values():
        if row['job_id']:
            fired[row['job_id']].append(row['scheduled_at'])
    for job in final.jobs:
        time = parse_time(job['first_execution_time'])
        expected = []
        while time < parse_time(job['next_execution_time']):
            expected.append(time.strftime(_TIME))
            time += datetime.timedelta(minutes=1)
        actual = sorted(parse_time(text).strftime(_TIME)
                        for text in fired[job['id']])
        if actual != expected:
            yield f'Job {job["id"]} fired at {actual}, not at {expected}.'


def parse_time(text: str) -> datetime.datetime:
    """Return the time of a text of the API."""
    return datetime.datetime.fromisoformat(
        text.replace('Z', '')).replace(tzinfo=None)


def check_aliases(history: histories.History, _final: histories.Final
                  ) -> Iterator[str]:
    """Yield aliases whose reads no order of the writes explains.

    The first write of each alias happens before all others.
    """
    accesses = collections.defaultdict(list)
    for operation in history.select('read', 'write'):
        is_write = operation.kind == 'write'
        if operation.outcome == histories.REFUSED or (
                not is_write and operation.outcome == histories.UNKNOWN):
            continue
        accesses[operation.subject].append(linearizability.Access(
            operation.start, operation.end, is_write, operation.value,
            operation.outcome == histories.OK))
    for name, register in accesses.items():
        if not linearizability.is_linearizable(register, None):
            yield f'No order of its moves explains the reads of alias {name}.'


def check_versions(history: histories.History, _final: histories.Final
                   ) -> Iterator[str]:
    """Yield version numbers that were used twice or do not grow."""
    published = [operation for operation in history.select('publish')
                 if operation.outcome == histories.OK]
    for number, count in collections.Counter(
            operation.value for operation in published).items():
        if count > 1:
            yield f'Version {number} was published {count} times.'
    for earlier, later in itertools.permutations(published, 2):
        if earlier.end < later.start and earlier.value >= later.value:
            yield (f'Version {later.value} was published after version '
                   f'{earlier.value}.')


def check_quota(limit: int) -> Check:
    """Return the check that no more than ``limit`` jobs ever existed."""
    def check(history: histories.History, _final: histories.Final
              ) -> Iterator[str]:
        changes = []
        deletions = {operation.subject: operation.start for operation
                     in history.select('delete')}
        for operation in history.select('create'):
            if operation.outcome == histories.OK:
                # The job certainly exists from the answer to its creation
                # until the request for its deletion.
                changes.append((operation.end, 1))
                if operation.subject in deletions:
                    changes.append((deletions[operation.subject], -1))
        total = 0
        for _, change in sorted(changes):
            total += change
            if total > limit:
                yield f'{total} jobs existed; the quota is {limit}.'
        for operation in history.select('count'):
            if operation.outcome == histories.OK and operation.value > limit:
                yield f'{operation.value} jobs listed; the quota is {limit}.'
    return check


#: Checks without parameters.
CHECKS: tuple[Check, ...] = (
    check_acknowledged, check_single_effect, check_statuses,
    check_fire_times, check_aliases, check_versions)
