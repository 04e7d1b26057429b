# SPDX-License-Identifier: Apache-2.0
"""Retry policy of asynchronous executions, with on-failure calls.

The ``async_policy`` of a function is ``None``, or a dict with all of:

* ``retries``: attempts after the first failure
* ``delay``: seconds before the first retry; the delay doubles with every
  further retry, with jitter
* ``max_age``: seconds after which no attempt starts, or ``None``
* ``on_failure``: reference to call, a dict with ``function_alias`` or with
  ``function_id`` and ``function_version``, or ``None``

and, only if true, ``dead_letters``: whether a payload whose last attempt
failed becomes a dead letter.
"""

import datetime
import random
import typing

from qinling import context
from qinling.core import targets
from qinling.core import validation
from qinling.db import models
from qinling.db import session
from qinling import exception

#: key -> (minimum, maximum, default)
NUMBERS = {'retries': (0, 100, 0), 'delay': (1, 3600, 1),
           'max_age': (1, 30 * 86400, None)}
REFERENCE_FIELDS = ('function_id', 'function_version', 'function_alias')
_OTHERS = ('on_failure', 'dead_letters')
MAX_DELAY_SECONDS = 3600
#: Jitter: share of the delay that an attempt waits.
MIN_DELAY_SHARE, MAX_DELAY_SHARE = 0.5, 1

Policy = dict[str, typing.Any]


def parse(value: typing.Any) -> Policy | None:
    """Return the policy to store for the value of a user.

    :raises Invalid: the value is no policy.
    """
    if not isinstance(value, dict):
        raise exception.Invalid(
            'async_policy must be a JSON object, such as {"retries": 2}.')
    unknown = sorted(set(value) - set(NUMBERS) - set(_OTHERS))
    if unknown:
        raise exception.Invalid(
            f'async_policy has no {unknown[0]!r}; it may have: '
            f'{", ".join([*NUMBERS, *_OTHERS])}.')
    policy: Policy = {name: _parse_number(name, value.get(name))
                      for name in NUMBERS}
    policy['on_failure'] = _parse_reference(value.get('on_failure'))
    if _parse_flag('dead_letters', value.get('dead_letters')):
        policy['dead_letters'] = True
    is_default = not any(policy.get(name) for name in (
        'retries', 'max_age', 'on_failure', 'dead_letters'))
    return None if is_default else policy


def _parse_number(name: str, value: typing.Any) -> int | None:
    minimum, maximum, default = NUMBERS[name]
    if value is None:
        return default
    if type(value) is not int or not minimum <= value <= maximum:
        raise exception.Invalid(
            f'{name} of async_policy must be a whole number from {minimum} '
            f'to {maximum}.')
    return value


def _parse_flag(name: str, value: typing.Any) -> bool:
    if value is not None and type(value) is not bool:
        raise exception.Invalid(
            f'{name} of async_policy must be true or false.')
    return bool(value)


def _parse_reference(value: typing.Any) -> dict[str, typing.Any] | None:
    if not value:
        return None
    if not (isinstance(value, dict) and set(value) <= set(REFERENCE_FIELDS)
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


def check_target(tx: session.Connection, project_id: str,
                 policy: Policy | None) -> None:
    """Check that the target of the on-failure call exists now.

    :raises FunctionNotFound, FunctionVersionNotFound,
        FunctionAliasNotFound: the project has no such target.
    """
    if policy and policy['on_failure']:
        reference = policy['on_failure']
        targets.resolve(
            tx, context.project_owner(project_id),
            reference.get('function_id'),
            reference.get('function_version', 0),
            reference.get('function_alias'), key=models.new_id())


def next_attempt(policy: Policy, retry: int, created_at: datetime.datetime,
                 now: datetime.datetime) -> datetime.datetime | None:
    """Return the time of the attempt after a failure, ``None`` for never.

    :param retry: number of retries so far.
    """
    if retry >= policy['retries']:
        return None
    delay = min(policy['delay'] * 2 ** retry, MAX_DELAY_SECONDS)
    # Jitter spreads executions that failed at the same time.
    at = now + datetime.timedelta(seconds=delay * random.uniform(
        MIN_DELAY_SHARE, MAX_DELAY_SHARE))
    return None if is_too_old(policy, created_at, at) else at


def is_too_old(policy: Policy, created_at: datetime.datetime,
               at: datetime.datetime) -> bool:
    """Return whether an attempt at a time would exceed ``max_age``."""
    max_age = policy['max_age']
    return max_age is not None and (
        (at - created_at).total_seconds() > max_age)
