# SPDX-License-Identifier: Apache-2.0
"""Provisioned workers: kept warm for functions and versions."""

from collections.abc import Callable
import dataclasses
import time
import typing

from qinling import context
from qinling.core import targets
from qinling.db import queries
from qinling.db import session
from qinling.engine import background as background_module
from qinling.engine.workers import growth as growth_module
from qinling.engine.workers import scaling as scaling_module
from qinling import exception
from qinling.states import SERVING_RUNTIMES


#: Seconds from a failure to the next try, doubled after each failure.
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 20, 600


@dataclasses.dataclass(frozen=True)
class _Try:
    """Latest try to start the missing workers of a target."""

    growth: growth_module.Growth
    pause: float
    begin: float

    def is_due(self, time: float) -> bool:
        """Return whether the next try may begin."""
        return not self.growth.is_running and (
            not self.growth.failed or time >= self.begin + self.pause)


class Provision:
    """Keeps ``min_workers`` of functions and versions on one engine.

    Of all engines, the first one of a function keeps its workers, since it
    runs the executions; ``is_home`` tells whether this engine is the one.
    """

    is_home: Callable[[targets.Target], bool] = staticmethod(bool)

    def __init__(self, db: session.Database,
                 scaling: scaling_module.Scaling,
                 background: background_module.Background) -> None:
        self._db = db
        self._scaling = scaling
        self._background = background
        self._tries: dict[typing.Hashable, _Try] = {}

    def tend(self) -> None:
        """Start the missing workers."""
        minimums = [
            (target, minimum)
            for target, minimum in self._db.read(_read_minimums)
            if self.is_home(target)]
        missing: dict[typing.Hashable, list[targets.Target]] = {}
        for target in self._scaling.set_minimums(minimums):
            missing.setdefault(target.function_key + target.fingerprint,
                               []).append(target)
        self._tries = {key: self._retry(self._tries.get(key), same)
                       for key, same in missing.items()}

    def _retry(self, previous: _Try | None,
               missing: list[targets.Target]) -> _Try:
        """Return the latest try; begin another one if it is due."""
        now = time.monotonic()
        if previous is not None and not previous.is_due(now):
            return previous
        pause: float = MIN_PAUSE_SECONDS
        if previous is not None and previous.growth.failed:
            pause = min(MAX_PAUSE_SECONDS, 2 * previous.pause)
        growth = growth_module.Growth(self._scaling, missing[0],
                                      len(missing))
        growth.start(self._background)
        return _Try(growth, pause, now)


def _read_minimums(tx: session.Connection
                   ) -> list[tuple[targets.Target, int]]:
    minimums = []
    for id, number, minimum in queries.list_minimums(tx):
        try:
            target = targets.resolve(tx, context.admin(), id, number)
        except exception.NotFound:
            continue  # deleted since the first query
        if target.runtime_status in SERVING_RUNTIMES:
            minimums.append((target, minimum))
    return minimums
