# SPDX-License-Identifier: Apache-2.0
"""What an engine holds at this moment, as figures for Prometheus."""

_QUEUED = 'Executions that wait for a thread of this engine.'
_HELD = 'Executions that this engine is running.'
_POOL = 'Workers in the pool of a runtime.'
_CLAIMED = 'Workers that serve a function.'
_BUSY = 'Workers that run something.'


class Figures:
    """Looks things up when it is asked.

    :param queued: a sized collection of what is queued.
    """

    def __init__(self, queued, runner, scaling, orchestrator):
        self._queued = queued
        self._runner = runner
        self._scaling = scaling
        self._orchestrator = orchestrator

    def __call__(self):
        """See :class:`qinling.telemetry.metrics.Live`."""
        yield 'qinling_engine_queued_executions', _QUEUED, {}, len(
            self._queued)
        yield 'qinling_engine_running_executions', _HELD, {}, len(
            self._runner.held())
        yield 'qinling_engine_claimed_workers', _CLAIMED, {}, len(
            list(self._orchestrator.claimed()))
        yield 'qinling_engine_busy_workers', _BUSY, {}, len(
            self._scaling.busy())
        for id, pool in list(self._orchestrator.pools().items()):
            for state in ('total', 'available'):
                yield 'qinling_pool_workers', _POOL, {
                    'runtime': id, 'state': state}, getattr(pool, state)
