# SPDX-License-Identifier: Apache-2.0
"""Guards of the shipped code that a run may leave out.

Each one must be missed: without it, some seed breaks an invariant.
"""

import contextlib
import datetime
from unittest import mock

import sqlalchemy

from qinling.core.execution import concurrency
from qinling.core.execution import flow_queue
from qinling.core.execution import flow_turns
from qinling.core.execution import lifecycle
from qinling.core.function import versions
from qinling.core import quotas
from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling.engine.periodic import heartbeat
from qinling.engine.run import late_rows
from qinling.engine.run import runner
from qinling.engine.workers import worker_set
from qinling.rpc import direct_server
from qinling.tests.simulation import database

_MODEL = models.Execution
_RUNNING = _MODEL.status == 'running'
_KEYS, _FIRES = 'PRIMARY KEY (id)', 'UNIQUE (job_id, scheduled_at)'


def _replace(owner, name, value):
    return lambda: mock.patch.object(owner, name, value)


def _claim(db, id, owner, lease_until):
    """Claim an execution, claimed or not."""
    return db.write(lambda tx: crud.update(tx, _MODEL, id, {
        'owner': owner, 'lease_until': lease_until,
        'attempt': _MODEL.attempt + 1, 'started_at': models.now()}, _RUNNING))


def _withdraw(db, new, request):
    """Delete an execution, claimed or not."""
    return bool(db.write(lambda tx: crud.delete_all(
        tx, _MODEL, _MODEL.id == new.row.id, _RUNNING)))


def _acquire(limiter, project_id, function_id):
    """Acquire a place beyond the limit."""
    with limiter._lock:
        limiter._free -= 1
        for key in ((project_id, function_id), project_id):
            limiter._acquired[key] += 1
    return True


_guard = quotas.Quotas.guard
_busiest = worker_set.WorkerSet.busiest_with_free_slot
_insert_row = versions.Versions._insert_row
_create_runner = runner.Runner.__init__


def _check_early(limits, project_id, **amounts):
    """Check a quota before the transaction."""
    limits._db.read(_guard(limits, project_id, **amounts))
    return quotas._no_limit


def _busiest_of_all(workers, slots):
    """Return the busiest worker, with a free slot or not."""
    return _busiest(workers, 1000)


def _insert_version(core, tx, ctx, function_id, *args):
    """Write a version with a number of a deleted one."""
    crud.update(tx, models.Function, function_id, {
        'version_counter': models.Function.latest_version})
    return _insert_row(core, tx, ctx, function_id, *args)


class _Forgetful(dict):
    """Claimed executions that never are claimed already."""

    def __contains__(self, id):
        return False

    def __delitem__(self, id):
        self.pop(id, None)


def _forget(engine_runner, *args):
    _create_runner(engine_runner, *args)
    engine_runner._claimed = _Forgetful()


def _weaken(table, constraint):
    return lambda: database.FILE.weakened(table, constraint)


#: Name -> function that returns the context manager without the guard.
GUARDS = {
    'claim: only an unclaimed row': _replace(lifecycle, 'claim', _claim),
    'fence: only the owner ends': _replace(
        lifecycle, 'OWNED_BY_ME', sqlalchemy.true()),
    'reaper: only an unchanged row': _replace(
        lifecycle, 'unchanged', lambda row: ()),
    'heartbeat: leases are renewed': _replace(
        heartbeat.Heartbeat, 'renew', lambda beat, ids: []),
    'withdrawal: only an unclaimed row': _replace(
        lifecycle, 'withdraw', _withdraw),
    'runner: no message twice': _replace(runner.Runner, '__init__', _forget),
    'direct: a late message writes first': _replace(
        direct_server, 'MAX_AGE', datetime.timedelta(days=1)),
    'direct: the row decides': _replace(
        late_rows.LateRows, 'claim',
        lambda rows, id: rows.write(id) or True),
    'status: only legal moves': _replace(
        crud, '_may_become', lambda model, status: sqlalchemy.true()),
    'job: a unique index of fire times': _weaken('executions', _FIRES),
    'key: a unique index': _weaken('idempotency_keys', _KEYS),
    'quota: checked in the transaction': _replace(
        quotas.Quotas, 'guard', _check_early),
    'limiter: a share of the threads': _replace(
        concurrency.ConcurrencyLimiter, 'acquire', _acquire),
    'line: room for few executions': _replace(
        flow_turns.Turn, 'find_room',
        lambda turn, running: flow_turns.Room(9)),
    'line: a ticket is no start': _replace(
        flow_queue, 'is_waiting', lambda db, id: False),
    'worker: a number of slots': _replace(
        worker_set.WorkerSet, 'busiest_with_free_slot', _busiest_of_all),
    'version: a counter of numbers': _replace(
        versions.Versions, '_insert_row', _insert_version),
    'version: references forbid deletion': _replace(
        targets, 'references', lambda *args: []),
    'alias: references forbid deletion': _replace(
        targets, 'alias_references', lambda *args: []),
}


@contextlib.contextmanager
def removed(name):
    """Leave out a guard."""
    with GUARDS[name]():
        yield
