# SPDX-License-Identifier: Apache-2.0
"""Collector of the gauges of one engine for Prometheus."""

from collections.abc import Iterator
from collections.abc import Sized

from qinling.engine.run import runner as runner_module
from qinling.engine.workers import scaling as scaling_module
from qinling.orchestrators import base

_QUEUED = 'Executions that wait for a thread of this engine.'
_RUNNING = 'Executions that run on this engine.'
_POOL = 'Workers in the pool of a runtime.'
_CLAIMED = 'Workers that serve a function.'
_BUSY = 'Workers that run an execution.'


class MetricsCollector:
    """Reads the state of an engine on demand."""

    def __init__(self, queued: Sized, runner: runner_module.Runner,
                 scaling: scaling_module.Scaling,
                 orchestrator: base.Orchestrator) -> None:
        self._queued = queued
        self._runner = runner
        self._scaling = scaling
        self._orchestrator = orchestrator

    def collect(self) -> Iterator[tuple[str, str, dict[str, str], float]]:
        """Yield (name, help, labels, value) of each gauge."""
        yield 'qinling_engine_queued_executions', _QUEUED, {}, len(
            self._queued)
        yield 'qinling_engine_running_executions', _RUNNING, {}, len(
            self._runner.claimed_ids())
        yield 'qinling_engine_claimed_workers', _CLAIMED, {}, len(
            list(self._orchestrator.claimed()))
        yield 'qinling_engine_busy_workers', _BUSY, {}, len(
            self._scaling.busy_workers())
        for id, pool in list(self._orchestrator.pools().items()):
            for state in ('total', 'available'):
                yield 'qinling_pool_workers', _POOL, {
                    'runtime': id, 'state': state}, getattr(pool, state)
