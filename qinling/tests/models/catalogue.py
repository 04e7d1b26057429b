# SPDX-License-Identifier: Apache-2.0
"""All models with their mutants."""

from collections.abc import Callable
import functools

from qinling.states import Misfire
from qinling.tests.models import direct
from qinling.tests.models import executions
from qinling.tests.models import explorer
from qinling.tests.models import flow
from qinling.tests.models import idempotency
from qinling.tests.models import limits
from qinling.tests.models import references
from qinling.tests.models import schedules
from qinling.tests.models import transactions

Create = Callable[..., explorer.Model]
Entry = tuple[Create, tuple[str, ...]]

#: The service sets this level on every database but SQLite, where
#: transactions run one by one.
LEVEL = transactions.READ_COMMITTED

#: Name -> (function that creates the model, guards of the mutants).
MODELS: dict[str, Entry] = {
    'asynchronous execution': (executions.create, (
        'claim', 'fence', 'once', 'unchanged', 'received', 'own_name',
        'reaper')),
    'synchronous execution': (
        functools.partial(executions.create, sync=True), (
            'claim', 'unchanged', 'received', 'own_name', 'reaper',
            'withdraw')),
    'direct execution': (direct.create, (
        'confirm', 'arrives', 'write_first', 'key')),
    **{f'schedule, misfire {policy.value}': (
        functools.partial(schedules.create, policy), (
            'unchanged', 'unique', 'together')) for policy in Misfire},
    'references': (functools.partial(references.create, LEVEL), (
        'target_lock', 'recheck', 'recheck_locked', 'function_first',
        'counted')),
    'references of jobs': (functools.partial(references.create_jobs, LEVEL), (
        'target_lock', 'recheck', 'function_first', 'alias_lock')),
    'idempotency': (functools.partial(idempotency.create, LEVEL), (
        'unique', 'together', 'release', 'unclaimed', 'again')),
    'quota': (functools.partial(limits.create, LEVEL), (
        'lock', 'lock_first')),
    'quota of jobs': (functools.partial(limits.create_jobs, LEVEL), (
        'lock', 'lock_first')),
    'flow control': (flow.create, (
        'lock', 'together', 'ticket')),
    'flow control with a rate': (
        functools.partial(flow.create, rate=1), (
            'lock', 'together', 'pass_on', 'first', 'renew', 'ticket')),
    'concurrency limiter': (limits.create_limiter, ('mutex', 'released')),
}

#: Models that hold at the default level of MariaDB as well, and the model
#: that does not.
FROZEN_MODELS: dict[str, Create] = {
    'references': references.create,
    'references of jobs': references.create_jobs,
    'idempotency': idempotency.create,
    'quota': limits.create,
}
FROZEN_MUTANT = functools.partial(limits.create_jobs,
                                  transactions.REPEATABLE_READ)
