# SPDX-License-Identifier: Apache-2.0
"""Contracts: inputs and outputs against the schemas of a function.

Nothing here contains a value: faults have the place and the broken rule.
"""

from collections.abc import Sequence
import dataclasses
import json
import typing

from oslo_log import log

from qinling.core.execution import inputs
from qinling.core.execution import records
from qinling.core.function import schemas
from qinling.core.json_schema import compiler
from qinling.core.json_schema import evaluation
from qinling.core import targets
from qinling.db import session
from qinling import exception
from qinling.states import ExecutionReason
from qinling.states import ExecutionStatus

LOG = log.getLogger(__name__)

#: Faults that a sentence names.
MAX_NAMED = 3
_TOO_EXPENSIVE = evaluation.Fault(
    '', 'takes too many steps to validate; simplify the schema, or send less')


def check_input(db: session.Database, target: targets.Target,
                stored: str | None, attribute: str = 'input') -> None:
    """Check the input of an execution.

    :param stored: see :func:`.inputs.normalise`.
    :param attribute: attribute of the request with the input.
    :raises InputRefused: the input does not fit.
    """
    _check(schemas.find(db, target), stored, attribute)


def check_input_within(tx: session.Connection, target: targets.Target,
                       stored: str | None, attribute: str = 'input') -> None:
    """Check an input within a transaction; see :func:`check_input`."""
    _check(schemas.load(tx, target), stored, attribute)


def _check(pair: schemas.Pair, stored: str | None, attribute: str) -> None:
    if pair.input is None:
        return
    faults = _validate(pair.input, inputs.argument(stored))
    if faults:
        raise exception.InputRefused(
            faults=describe_faults(faults), pointers=[
                (f'{attribute}{fault.pointer}', fault.detail)
                for fault in faults])


def check_output(pair: schemas.Pair, outcome: records.Outcome
                 ) -> records.Outcome:
    """Return the outcome, failed if the output does not fit."""
    if pair.output is None or outcome.status is not ExecutionStatus.SUCCESS:
        return outcome
    try:
        result = json.loads(outcome.result)
        faults = _validate(pair.output, result['output'])
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


def _validate(schema: compiler.JsonSchema, value: typing.Any
              ) -> list[evaluation.Fault]:
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
