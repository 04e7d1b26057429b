# SPDX-License-Identifier: Apache-2.0
"""Requests for rollouts: validation and defaults."""

from collections.abc import Mapping
import typing

from qinling import exception

#: Weights of the steps of a request without weights, if the traffic is not
#: known; other traffic changes the first weight.
DEFAULT_WEIGHTS = (0.1, 0.25, 0.5)
#: Executions of the new version that show a rise of the failures from 1 % to
#: 6 %, and the seconds in which the first step should have them.
FIRST_EXECUTIONS, FIRST_SECONDS = 300, 60
MIN_FIRST_WEIGHT = 0.01
MAX_STEPS = 50
#: Field of a step -> (default, minimum, maximum); seconds for ``min_time``.
#: The look at the end of a step is a few seconds later, so within a minute.
STEP_FIELDS = {'min_executions': (50, 1, 1_000_000),
               'min_time': (55, 0, 30 * 86400)}
#: Guard -> field -> (default, minimum, maximum).
GUARD_FIELDS: dict[str, dict[str, tuple[float, float, float]]] = {
    'errors': {'confidence': (0.99, 0.5, 0.999999),
               'min_rise': (0.01, 0, 1)},
    'latency': {'confidence': (0.99, 0.5, 0.999999),
                'min_rise': (0.0, 0, 1), 'max_ratio': (1.2, 1, 100)}}
#: What to do when a guard does not hold.
ON_BREACH = ('rollback', 'pause')

_Json = dict[str, typing.Any]


def choose_weights(rate: float | None) -> list[float]:
    """Return the weights of the steps for a traffic.

    The failures of a bad version until its rollback do not depend on the
    weight, so the first step has the weight that is quick enough.

    :param rate: executions per second, ``None`` if not known.
    """
    if not rate:
        return list(DEFAULT_WEIGHTS)
    first = max(MIN_FIRST_WEIGHT, min(DEFAULT_WEIGHTS[-1], round(
        FIRST_EXECUTIONS / FIRST_SECONDS / rate, 2)))
    return [first, *(weight for weight in DEFAULT_WEIGHTS if weight > first)]


def validate(values: Mapping[str, typing.Any], rate: float | None = None
             ) -> _Json:
    """Return ``to_version``, ``steps``, ``guards`` and ``on_breach``.

    :param rate: executions per second, ``None`` if not known.
    :raises Invalid: a field is not valid.
    """
    version = values.get('function_version')
    if not version:
        raise exception.Invalid(
            'Required param is missing. A rollout needs the '
            'function_version that the alias moves to, 1 or greater.')
    on_breach = values.get('on_breach') or ON_BREACH[0]
    if on_breach not in ON_BREACH:
        raise exception.Invalid(
            f'on_breach must be one of: {", ".join(ON_BREACH)}.')
    return {'to_version': version, 'on_breach': on_breach,
            'steps': _read_steps(values.get('steps'), rate),
            'guards': _read_guards(values.get('guards'))}


def read_gate(values: Mapping[str, typing.Any]) -> tuple[str | None, int]:
    """Return the replay that a rollout requires, and its most differences.

    :returns: id of an operation, empty for any replay, ``None`` for none.
    :raises Invalid: a field is not valid.
    """
    replay, limit = values.get('requires_replay'), values.get(
        'max_differences', 0)
    if limit < 0:
        raise exception.Invalid('max_differences must be at least 0.')
    if replay is None or isinstance(replay, bool):
        return ('' if replay else None), limit
    if not isinstance(replay, str):
        raise exception.Invalid(
            'requires_replay must be true, or the id of a replay.')
    return replay, limit


def _read_steps(steps: typing.Any, rate: float | None) -> list[_Json]:
    if steps is None:
        steps = {}
    if isinstance(steps, dict):
        common = _read_numbers('steps without weights', steps, STEP_FIELDS)
        steps = [{'weight': weight, **common}
                 for weight in choose_weights(rate)]
    if not isinstance(steps, list) or not 1 <= len(steps) <= MAX_STEPS:
        raise exception.Invalid(
            f'steps must be a list of 1 to {MAX_STEPS} objects, such as '
            '[{"weight": 0.1, "min_executions": 50, "min_time": 60}], or an '
            'object without weights.')
    result = [_read_step(step) for step in steps]
    weights = [step['weight'] for step in result]
    if weights != sorted(set(weights)):
        raise exception.Invalid(
            'The weight of each step must be greater than the weight of the '
            'step before.')
    return result


def _read_step(step: typing.Any) -> _Json:
    fields = {'weight': (None, 0.0001, 0.9999), **STEP_FIELDS}
    result = _read_numbers('A step', step, fields)
    if result['weight'] is None:
        raise exception.Invalid(
            'A step needs a weight, the share of the new version, between '
            '0.0001 and 0.9999. After the last step the new version gets '
            'all executions.')
    return result


def _read_guards(guards: typing.Any) -> _Json:
    if guards is None:
        guards = {name: {} for name in GUARD_FIELDS}
    if not isinstance(guards, dict) or not guards.keys() <= (
            GUARD_FIELDS.keys()):
        raise exception.Invalid(
            'guards must be an object with any of: '
            f'{", ".join(GUARD_FIELDS)}.')
    return {name: _read_numbers(f'The guard of {name}', guards[name],
                                GUARD_FIELDS[name]) for name in guards}


def _read_numbers(subject: str, values: typing.Any,
                  fields: Mapping[str, tuple[typing.Any, ...]]) -> _Json:
    """Return the numbers of an object, with defaults."""
    if not isinstance(values, dict):
        raise exception.Invalid(f'{subject} must be an object.')
    for name in values:
        if name not in fields:
            raise exception.Invalid(
                f'{subject} has an unknown field: {name[:64]}. Allowed: '
                f'{", ".join(fields)}.')
    result = {}
    for name, (default, minimum, maximum) in fields.items():
        value = result[name] = values.get(name, default)
        if value is not None and (
                isinstance(value, bool) or not isinstance(value, (int, float))
                or not minimum <= value <= maximum):
            raise exception.Invalid(
                f'{subject} needs a {name} between {minimum:g} and '
                f'{maximum:g}.')
    return result
