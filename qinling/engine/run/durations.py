# SPDX-License-Identifier: Apache-2.0
"""Durations of executions as metrics."""

import typing

from oslo_config import cfg

from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core import targets
from qinling.telemetry import metrics


class Durations:
    """Histograms of one engine."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._has_function_labels = conf.metrics.function_labels
        self._histograms: dict[tuple[bool, str], typing.Any] = {}

    def observe(self, message: records.ExecutionMessage,
                target: targets.Target,
                end: outcomes.Ended | outcomes.RetryScheduled | None,
                seconds: float) -> None:
        """Record the duration of an attempt that ended here."""
        if end is None:
            return
        status = end.status if isinstance(end, outcomes.Ended) else 'retried'
        key = message.sync, status
        histogram = self._histograms.get(key)
        if histogram is None:
            histogram = self._histograms[key] = metrics.executions.labels(
                'sync' if message.sync else 'async', status)
        histogram.observe(seconds)
        if self._has_function_labels:
            metrics.function_executions.labels(
                target.function_id, status).observe(seconds)
