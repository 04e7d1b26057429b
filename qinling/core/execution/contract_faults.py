# SPDX-License-Identifier: Apache-2.0
"""Faults of inputs and outputs that do not fit a schema, without a database.

Nothing here contains a value: faults have the place and the broken rule.
"""

from collections.abc import Sequence
import dataclasses
import json
import logging
import typing

from qinling.core.execution import outcomes
from qinling.core.json_schema import evaluation
from qinling.states import ExecutionReason
from qinling.states import ExecutionStatus

if typing.TYPE_CHECKING:
    from qinling.core.json_schema import compiler

LOG = logging.getLogger(__name__)

#: Faults that a sentence names.
MAX_NAMED = 3
_TOO_EXPENSIVE = evaluation.Fault(
    '', 'takes too many steps to validate; simplify the schema, or send less')


def check_output(schema: 'compiler.JsonSchema | None',
                 outcome: outcomes.Outcome) -> outcomes.Outcome:
    """Return the outcome, failed if the output does not fit."""
    if schema is None or outcome.status is not ExecutionStatus.SUCCESS:
        return outcome
    try:
        result = json.loads(outcome.result)
        faults = validate(schema, result['output'])
    except Exception:
        # A number may have more digits than this process reads.
        LOG.exception('Could not validate the output of a function.')
        result, faults = {}, [evaluation.Fault('', 'cannot be validated')]
    if not faults:
        return outcome
    result['output'] = ('The output does not fit the output_schema of the '
                        f'function: {describe_faults(faults)}.')
    result['errors'] = [dataclasses.asdict(fault) for fault in faults]
    return dataclasses.replace(
        outcome, status=ExecutionStatus.FAILED, result=json.dumps(result),
        reason=ExecutionReason.OUTPUT_REFUSED)


def validate(schema: 'compiler.JsonSchema', value: typing.Any
             ) -> list[evaluation.Fault]:
    """Return the faults of a value."""
    try:
        return schema.validate(value)
    except evaluation.TooExpensive:
        return [_TOO_EXPENSIVE]


def describe_faults(faults: Sequence[evaluation.Fault]) -> str:
    """Return the first faults as a text for users."""
    texts = [f'{fault.pointer or "it"} {fault.detail}'
             for fault in faults[:MAX_NAMED]]
    if len(faults) > MAX_NAMED:
        texts.append('and more')
    return '; '.join(texts)
