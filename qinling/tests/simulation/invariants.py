# SPDX-License-Identifier: Apache-2.0
"""What must hold after every run; each check yields sentences."""

import collections
import datetime
import json

from qinling.core.trigger import patterns
from qinling.tests.simulation import cloud
from qinling.tests.simulation import database
from qinling.tests.simulation import faults
from qinling.tests.simulation import workload

RUNNING = 'running'
_TIME = '%Y-%m-%d %H:%M:%S.%f'
#: Executions of one function that an engine with six threads runs at once.
MAX_FUNCTION_RUNS = 4
MAX_WORKER_RUNS = 2


def parse_time(text):
    """Return a time of the database."""
    return text and datetime.datetime.strptime(text, _TIME)


class Result:
    """Everything that is left after a run."""

    def __init__(self, plan, cloud, history):
        select = database.FILE.select
        self.plan = plan
        self.cloud = cloud
        self.history = history
        self.executions = {row['id']: row for row in select(
            'SELECT * FROM executions')}
        self.log = select('SELECT * FROM simulated_log ORDER BY number')
        self.changes = collections.defaultdict(list)
        for row in self.log:
            self.changes[row['id']].append(row)
        self.runs = collections.defaultdict(list)
        for run in cloud.hall.runs:
            self.runs[run.id].append(run)
        self.jobs = select('SELECT * FROM jobs')
        self.fires = collections.defaultdict(list)
        for row in select('SELECT * FROM job_fires'):
            self.fires[row['job_id']].append(row)

    def select(self, *kinds):
        """Return the records of requests of these kinds."""
        return [record for record in self.history
                if record.request.kind in kinds]


def check_end(result):
    """Yield executions without an end, and threads that failed."""
    for row in result.executions.values():
        if row['status'] == RUNNING:
            yield f'Execution {row["id"]} ({row["input"]}) has no end.'
    for name, error in result.cloud.scheduler.errors:
        yield f'The thread {name} failed: {error!r}'
    for record in result.history:
        if record.outcome == workload.FAILED:
            yield f'{record.request.kind} failed: {record.value!r}'


def check_accepted(result):
    """Yield accepted executions that are lost."""
    for record in result.select(workload.EXECUTE):
        if record.outcome != workload.OK:
            continue
        id = record.value
        if id not in result.executions and not any(
                row['kind'] == 'delete' for row in result.changes[id]):
            yield f'Execution {id} of {record.request.token} is lost.'
        if id not in result.changes:
            yield f'Execution {id} of {record.request.token} has no row.'


def check_refused(result):
    """Yield refused requests that have run."""
    if result.plan.has(faults.COMMIT):
        return  # a refusal may hide a commit
    outcomes = collections.defaultdict(set)
    for record in result.select(workload.EXECUTE):
        outcomes[record.request.token].add(record.outcome)
    for run in result.cloud.hall.runs:
        if outcomes[run.token] and outcomes[run.token] <= {
                workload.REFUSED, workload.UNAVAILABLE}:
            yield f'Request {run.token} was refused, but has run.'


def check_statuses(result):
    """Yield executions with two ends, or an end by a stranger."""
    for id, changes in result.changes.items():
        is_ended = False
        for row in changes:
            if row['kind'] == 'delete':
                continue
            if is_ended:
                yield (f'Execution {id} was {row["old_status"]}, and '
                       f'changed to {row["status"]}.')
            is_ended = row['status'] != RUNNING
            if row['kind'] == 'update' and row['old_owner'] != row[
                    'writer'] and row['status'] in ('success', 'failed'):
                yield (f'Execution {id} of engine {row["old_owner"]} was '
                       f'ended by {row["writer"]}.')


def check_runs(result):
    """Yield functions that ran more often than allowed."""
    for id, runs in result.runs.items():
        changes = result.changes.get(id)
        is_sync = runs[0].token.startswith('s')
        if is_sync and len(runs) > 1:
            yield f'The synchronous execution {id} ran {len(runs)} times.'
        if not changes:
            yield f'Execution {id} ran without a row.'
        if result.plan.has(faults.CLOCK, faults.FREEZE):
            continue  # the lease may end while the function runs
        for before, after in zip(runs, runs[1:]):
            sentence = _explain(result, id, before, after)
            if sentence:
                yield sentence


def _explain(result, id, before, after):
    """Return why a second run is wrong, ``None`` if it is right."""
    is_alive = before.process.is_alive or (
        result.cloud.ends[before.process.owner] > after.started)
    if not is_alive:
        return None
    if before.ended is None or before.ended > after.started:
        return f'Execution {id} ran twice at the same time.'
    if not before.is_ok and before.process.stop.is_set():
        return None  # an engine that stops gives away what it kills
    row = result.executions.get(id)
    if row is not None and not row['retry']:
        return f'Execution {id} ran again after its end.'
    return None


def check_keys(result):
    """Yield idempotency keys with several effects."""
    ids, rows = collections.defaultdict(set), collections.Counter()
    for record in result.select(workload.EXECUTE, workload.JOB):
        if record.outcome == workload.OK and record.request.key:
            ids[record.request.kind, record.request.key].add(record.value)
    for key, values in ids.items():
        if len(values) > 1:
            yield f'The key {key} has the resources {sorted(values)}.'
    for row in result.executions.values():
        token = json.loads(row['input'] or '{}').get('token')
        if token in ('sk', 'al') and row['job_id'] is None:
            rows[token] += 1
    for token, number in rows.items():
        if number > 1:
            yield f'The key of {token} has {number} executions.'


def check_fires(result):
    """Yield fire times that are doubled, wrong or without explanation."""
    times = collections.Counter()
    for row in result.executions.values():
        if row['job_id']:
            times[row['job_id'], row['scheduled_at']] += 1
            time = parse_time(row['scheduled_at'])
            if time.second or time.microsecond:
                yield f'{time} is no time of the schedule.'
    for (job, text), number in times.items():
        if number > 1:
            yield f'Job {job} fired {number} times for {text}.'
    for job in result.jobs:
        yield from _check_ledger(result, job)


def _check_ledger(result, job):
    """Yield the times before the next one that nothing accounts for."""
    is_changed = bool(result.select(workload.CHANGE_JOB))
    if is_changed or job['next_execution_time'] is None:
        return
    first = parse_time(job['first_execution_time'])
    end = parse_time(job['next_execution_time'])
    covered, ranges = set(), []
    for row in result.fires[job['id']]:
        start = parse_time(row['scheduled_at'])
        covered.add(start)
        if row['until']:
            ranges.append((start, parse_time(row['until'])))
    time = first
    while time is not None and time < end:
        if time not in covered and not any(
                start <= time <= until for start, until in ranges):
            yield f'Nothing accounts for {time} of job {job["id"]}.'
        time = patterns.next_fire_time(job['pattern'], None, time)
    if (job['status'] == RUNNING
            and end + datetime.timedelta(seconds=10)
            < result.cloud.scheduler.time()
            + max(process.skew for process
                  in result.cloud.processes.values())):
        yield f'Job {job["id"]} did not fire at {end}.'
    if job['misfire'] == 'all' and any(
            row['status'] == 'skipped' for row in result.fires[job['id']]):
        yield f'Job {job["id"]} skipped a time.'


def check_limits(result):
    """Yield quotas and limits that were passed."""
    quota = result.plan.setup.quota
    for row in result.log:
        if quota >= 0 and row['running'] is not None and (
                row['running'] > quota) and row['status'] == RUNNING:
            yield f'{row["running"]} executions ran with a quota of {quota}.'
    for key, number in result.cloud.hall.peaks.items():
        limit = MAX_WORKER_RUNS if key[0] == 'worker' else MAX_FUNCTION_RUNS
        if number > limit:
            yield f'{" ".join(map(str, key))} had {number} executions.'


def check_lines(result):
    """Yield executions of a line that overlapped, and tickets left over."""
    controlled = {record.value for record in result.select(workload.EXECUTE)
                  if record.request.function == cloud.CONTROLLED}
    started = set()
    for row in result.log:
        if row['id'] not in controlled:
            continue
        if row['status'] != RUNNING:
            started.discard(row['id'])
        elif row['owner'] is not None:
            started.add(row['id'])
        if len(started) > cloud.MAX_CONTROLLED:
            yield f'{len(started)} executions of a line ran at once.'
    for row in database.FILE.select('SELECT * FROM flow_entries'):
        yield f'Execution {row["execution_id"]} is still in its line.'


def check_versions(result):
    """Yield version numbers that are used twice, or do not grow."""
    records = [record for record in result.select(workload.PUBLISH)
               if record.outcome == workload.OK]
    numbers = collections.Counter(record.value for record in records)
    for number, count in numbers.items():
        if count > 1 or number < 2:
            yield f'Version {number} was published {count} times.'
    for first in records:
        for second in records:
            if first.ended < second.started and first.value >= second.value:
                yield f'Version {second.value} follows {first.value}.'


def check_aliases(result):
    """Yield reads of aliases that no order of the moves explains."""
    if result.select(workload.DELETE_ALIAS):
        return
    records = [record for record
               in result.select(workload.READ, workload.MOVE)
               if record.outcome == workload.OK]
    versions = {}
    for record in records:
        revision, version = record.value
        if version is not None and versions.setdefault(
                revision, version) != version:
            yield f'The revision {revision} of the alias has two targets.'
        for later in records:
            if record.ended < later.started and later.value[0] < revision:
                yield f'Revision {later.value[0]} was read after {revision}.'


def check_references(_result):
    """Yield references to what is deleted."""
    select = database.FILE.select
    versions = {(row['function_id'], row['version_number']) for row in select(
        'SELECT function_id, version_number FROM function_versions')}
    aliases = {row['name'] for row in select(
        'SELECT name FROM function_aliases')}
    for row in select('SELECT * FROM function_aliases'):
        key = row['function_id'], row['function_version']
        if key[1] and key not in versions:
            yield f'Alias {row["name"]} refers to the deleted {key}.'
    for row in select("SELECT * FROM jobs WHERE status IN ('running', "
                      "'paused')"):
        name = row['function_alias']
        if name and name not in aliases:
            yield f'Job {row["id"]} refers to the deleted alias {name}.'


CHECKS = (check_end, check_accepted, check_refused, check_statuses,
          check_runs, check_keys, check_fires, check_limits, check_versions,
          check_aliases, check_references, check_lines)


def check(result):
    """Return the sentences of all checks."""
    return [f'{check.__name__[6:]}: {sentence}' for check in CHECKS
            for sentence in check(result)]
