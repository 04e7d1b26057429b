# SPDX-License-Identifier: Apache-2.0
"""Figures of many executions, which can be added up."""

import collections
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import typing

from qinling.core.execution import sketch
from qinling.states import ExecutionStatus

_FAILURES = (ExecutionStatus.FAILED, ExecutionStatus.ERROR)
_GIB = 1 << 30
#: Name of a quantile -> fraction, in ascending order.
QUANTILES = {'p50': 0.5, 'p95': 0.95, 'p99': 0.99}


@dataclasses.dataclass(frozen=True)
class Figures:
    """Figures of executions.

    ``failures`` has the number by reason; ``max_duration`` is ``None``
    without a run.
    """

    count: int
    cold_starts: int
    gb_seconds: float
    max_duration: float | None
    failures: Mapping[str, int]
    duration_sketch: sketch.Sketch

    def durations_by_quantile(self) -> dict[str, float] | None:
        """Return the seconds by name, ``None`` without a run."""
        if self.max_duration is None:
            return None
        values = sketch.quantiles(self.duration_sketch, QUANTILES.values())
        return {**{name: min(value, self.max_duration)
                   for name, value in zip(QUANTILES, values)},
                'max': self.max_duration}


@dataclasses.dataclass(frozen=True)
class ClosedFigures(Figures):
    """Figures that do not change, with the quantiles computed already."""

    quantiles: Mapping[str, float] | None

    def durations_by_quantile(self) -> dict[str, float] | None:
        """Return the seconds by name, ``None`` without a run."""
        return None if self.quantiles is None else dict(self.quantiles)


def close(figures: Figures, *, keep_sketch: bool) -> ClosedFigures:
    """Return the figures with their quantiles.

    :param keep_sketch: keep what the addition to further figures needs.
    """
    return ClosedFigures(
        figures.count, figures.cold_starts, figures.gb_seconds,
        figures.max_duration, figures.failures,
        figures.duration_sketch if keep_sketch else sketch.EMPTY,
        figures.durations_by_quantile())


def of_executions(rows: Sequence[typing.Any]) -> Figures:
    """Return the figures of rows of executions."""
    runs = [row for row in rows if row.duration is not None]
    durations = [min(max(row.duration, 0), sketch.MAX_VALUE)
                 for row in runs]
    return Figures(
        count=len(rows),
        cold_starts=sum(row.import_ms != 0 for row in runs),
        gb_seconds=sum((row.memory_size or 0) / _GIB * duration
                       for row, duration in zip(runs, durations)),
        max_duration=max(durations, default=None),
        failures=collections.Counter(
            row.reason or 'platform' for row in rows
            if row.status in _FAILURES),
        duration_sketch=sketch.create(durations))


def add_up(parts: Iterable[typing.Any]) -> Figures:
    """Return the sum of figures, or of rows with their attributes."""
    count = cold_starts = 0
    gb_seconds, durations, sketches = 0.0, [], []
    failures: dict[str, int] = {}
    for part in parts:
        count += part.count
        cold_starts += part.cold_starts
        gb_seconds += part.gb_seconds
        if part.max_duration is not None:
            durations.append(part.max_duration)
            sketches.append(part.duration_sketch)
        for reason, number in (part.failures or {}).items():
            failures[reason] = failures.get(reason, 0) + number
    return Figures(count, cold_starts, gb_seconds,
                   max(durations, default=None), failures,
                   sketch.merge(sketches))
