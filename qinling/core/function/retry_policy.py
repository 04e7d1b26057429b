# SPDX-License-Identifier: Apache-2.0
"""What follows when an asynchronous execution fails: another attempt, or a
call of something that is told of it.

A function's ``async_policy`` is ``None``, or a dict with all of:

* ``retries``: attempts after the first that failed
* ``delay``: seconds before the first of them; each further one takes twice
  as long, and all of them vary
* ``max_age``: seconds after which no attempt is begun, or ``None``
* ``on_failure``: what to call, a dict with ``function_alias`` or with
  ``function_id`` and ``function_version``, or ``None``
"""

import datetime
import json
import random

from qinling import context
from qinling.core.execution import executions
from qinling.core import targets
from qinling.core import validation
from qinling.db import models
from qinling import exception

#: key -> (least, most, default)
NUMBERS = {'retries': (0, 100, 0), 'delay': (1, 3600, 1),
           'max_age': (1, 30 * 86400, None)}
REFERENCE = ('function_id', 'function_version', 'function_alias')
#: Seconds that a wait does not exceed, however often it was doubled.
LONGEST = 3600
#: What an execution is told of one that failed.
_TOLD = ('id', 'project_id', 'function_id', 'function_version',
         'function_alias', 'description', 'input', 'attempt', 'job_id')


def policy(value):
    """A policy as it is stored, from what a user sent.

    :raises Invalid: it cannot be one.
    """
    if not isinstance(value, dict):
        raise exception.Invalid(
            'async_policy must be a JSON object, such as {"retries": 2}.')
    unknown = sorted(set(value) - set(NUMBERS) - {'on_failure'})
    if unknown:
        raise exception.Invalid(
            f'async_policy has no {unknown[0]!r}; it may have: '
            f'{", ".join([*NUMBERS, "on_failure"])}.')
    found = {name: _number(name, value.get(name)) for name in NUMBERS}
    found['on_failure'] = _reference(value.get('on_failure'))
    return found if any(
        found[name] for name in ('retries', 'max_age', 'on_failure')) else None


def _number(name, value):
    least, most, default = NUMBERS[name]
    if value is None:
        return default
    if type(value) is not int or not least <= value <= most:
        raise exception.Invalid(
            f'{name} of async_policy must be a whole number from {least} to '
            f'{most}.')
    return value


def _reference(value):
    if not value:
        return None
    if not (isinstance(value, dict) and set(value) <= set(REFERENCE)
            and bool(value.get('function_id'))
            != bool(value.get('function_alias'))):
        raise exception.Invalid(
            'on_failure of async_policy must be an object with either '
            'function_alias, or function_id and perhaps function_version.')
    alias, id = value.get('function_alias'), value.get('function_id')
    validation.text('function_alias', alias or id)
    if alias:
        return {'function_alias': alias}
    version = value.get('function_version') or 0
    if type(version) is not int or not 0 <= version < 2 ** 31:
        raise exception.Invalid(
            'function_version of on_failure must be a version number.')
    return {'function_id': id, 'function_version': version}


def check(tx, project_id, policy):
    """Refuse a policy that would call what is not there.

    :raises FunctionNotFound, FunctionVersionNotFound,
        FunctionAliasNotFound: the project has no such thing now.
    """
    if policy and policy['on_failure']:
        resolve(tx, project_id, policy['on_failure'])


def resolve(tx, project_id, reference):
    """The target to call, as the project would find it."""
    return targets.resolve(
        tx, context.owner(project_id), reference.get('function_id'),
        reference.get('function_version', 0),
        reference.get('function_alias'), key=models.new_id())


def next_attempt(policy, row, now):
    """When an execution that failed is begun again, ``None`` for never."""
    if row.retry >= policy['retries']:
        return None
    wait = min(policy['delay'] * 2 ** row.retry, LONGEST)
    # Not all at once, if many failed at once.
    at = now + datetime.timedelta(seconds=wait * random.uniform(0.5, 1))
    return None if is_too_old(policy, row.created_at, at) else at


def is_too_old(policy, created_at, at):
    """Whether an attempt at a time would be too late."""
    most = policy['max_age']
    return most is not None and (at - created_at).total_seconds() > most


def call(conf, target, row, outcome):
    """The row of an execution that is told of the failure of another."""
    told = {name: getattr(row, name) for name in _TOLD}
    told.update(status=outcome.status.value, result=outcome.result,
                created_at=row.created_at.isoformat() + 'Z')
    return executions.prepared(
        conf, target, sync=False, failed_id=row.id,
        description=f'Failure of execution {row.id}',
        input=json.dumps({'execution': told}))
