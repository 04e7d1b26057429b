# SPDX-License-Identifier: Apache-2.0
"""Provisioned workers: kept warm for functions and versions."""

from qinling import context
from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling.engine import background as background_module
from qinling.engine.workers import scaling as scaling_module
from qinling import exception
from qinling.states import SERVING_RUNTIMES


class Provision:
    """Keeps ``min_workers`` of functions and versions on one engine."""

    def __init__(self, db: session.Database,
                 scaling: scaling_module.Scaling,
                 background: background_module.Background) -> None:
        self._db = db
        self._scaling = scaling
        self._background = background

    def tend(self) -> None:
        """Start the missing workers."""
        minimums = self._db.read(_read_minimums)
        for target in self._scaling.set_minimums(minimums):
            self._background.submit(self._scaling.scale_up, target)


def _read_minimums(tx: session.Connection
                   ) -> list[tuple[targets.Target, int]]:
    function, version = models.Function, models.FunctionVersion
    numbers = [(row.id, 0, row.min_workers) for row in crud.select(
        tx, function, function.min_workers > 0)]
    numbers += [(row.function_id, row.version_number, row.min_workers)
                for row in crud.select(tx, version, version.min_workers > 0)]
    minimums = []
    for id, number, minimum in numbers:
        try:
            target = targets.resolve(tx, context.admin(), id, number)
        except exception.NotFound:
            continue  # deleted since the first query
        if target.runtime_status in SERVING_RUNTIMES:
            minimums.append((target, minimum))
    return minimums
