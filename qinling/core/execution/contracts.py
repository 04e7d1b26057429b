# SPDX-License-Identifier: Apache-2.0
"""Contracts: inputs and outputs against the schemas of a function.

Nothing here contains a value: faults have the place and the broken rule.
"""

from qinling.core.execution import contract_faults
from qinling.core.execution import inputs
from qinling.core.execution import outcomes
from qinling.core.function import schemas
from qinling.core import targets
from qinling.db import session
from qinling import exception


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
    faults = contract_faults.validate(pair.input, inputs.argument(stored))
    if faults:
        raise exception.InputRefused(
            faults=contract_faults.describe_faults(faults), pointers=[
                (f'{attribute}{fault.pointer}', fault.detail)
                for fault in faults])


def check_output(pair: schemas.Pair, outcome: outcomes.Outcome
                 ) -> outcomes.Outcome:
    """Return the outcome, failed if the output does not fit."""
    return contract_faults.check_output(pair.output, outcome)
