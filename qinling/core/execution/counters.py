# SPDX-License-Identifier: Apache-2.0
"""Numbers of executions of functions and versions."""

import functools

from qinling.core import targets
from qinling.db import batch_writer
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception


def count(tx: session.Connection, target: targets.Target,
          number: int) -> None:
    """Add to the number of executions of a function or version.

    :raises FunctionNotFound, FunctionVersionNotFound: the target is gone.
    """
    batch_writer.defer_increment(
        tx, ('count', target.function_id, target.version), number,
        functools.partial(_increment, target.function_id, target.version))


def _increment(function_id: str, version: int, tx: session.Connection,
               number: int) -> None:
    if version:
        if not crud.increment(tx, models.FunctionVersion, 'count', number,
                              function_id=function_id, version_number=version):
            raise exception.FunctionVersionNotFound(
                id=function_id, version=version)
    elif not crud.increment(tx, models.Function, 'count', number,
                            id=function_id):
        raise exception.FunctionNotFound(id=function_id)
