# SPDX-License-Identifier: Apache-2.0
"""Metrics for Prometheus.

Each metric is a constant of the module, like a logger.  Hot code updates a
child with bound labels, in less than a microsecond.  Labels have few values:
never ids of executions or projects, and ids of functions only if an operator
wants the time series.

Where a service has several processes on a host, the environment variable
``PROMETHEUS_MULTIPROC_DIR`` names a directory in which the library adds up
the metrics of all processes.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import os
import typing
from wsgiref import types as wsgi_types

import prometheus_client as client
from prometheus_client import core
from prometheus_client import multiprocess
from prometheus_client import registry as registries

#: An execution on a warm worker takes a millisecond, or some minutes.
BUCKETS_SECONDS = (.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5,
                   10, 30, 60, 300)
#: Environment variable with the directory of the metrics of all processes.
DIRECTORY_VARIABLE = 'PROMETHEUS_MULTIPROC_DIR'
REGISTRY = client.CollectorRegistry()

#: Name, help, labels and value of a gauge.
Sample = tuple[str, str, dict[str, str], float]


def _counter(name: str, text: str, *labels: str) -> client.Counter:
    return client.Counter(name, text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, *labels: str) -> client.Histogram:
    return client.Histogram(name, text, labels, buckets=BUCKETS_SECONDS,
                            registry=REGISTRY)


requests = _histogram(
    'qinling_api_request_duration_seconds',
    'Requests answered by the API, by route.', 'method', 'route', 'status')
rpc_failures = _counter(
    'qinling_rpc_failures_total',
    'Messages to engines that failed or got no answer.', 'verb')
executions = _histogram(
    'qinling_execution_duration_seconds',
    'Executions ended by this engine, from the start in this engine to the '
    'end.', 'mode', 'status')
function_executions = _histogram(
    'qinling_function_execution_duration_seconds',
    'Executions ended by this engine, by function; only with [metrics] '
    'function_labels.', 'function', 'status')
worker_wait = _histogram(
    'qinling_worker_wait_seconds',
    'Time that executions waited for a worker slot.')
cold_starts = _histogram(
    'qinling_cold_start_duration_seconds',
    'Loads of a function into a worker, from the selection of the worker '
    'until the code was loaded.')
cold_start_failures = _counter(
    'qinling_cold_start_failures_total',
    'Cold starts without a worker, or with a failed load of the function.')
reaped = _counter(
    'qinling_reaper_executions_total',
    'Orphaned executions, by action of the reaper.', 'action')
leases_lost = _counter(
    'qinling_leases_lost_total',
    'Executions that another engine had claimed when this engine renewed '
    'the lease.')
fire_times = _counter(
    'qinling_scheduler_ticks_total',
    'Fire times of jobs, by outcome.', 'outcome')
event_source_events = _counter(
    'qinling_event_source_events_total',
    'Events that this engine has read from event sources, by kind.', 'kind')
event_source_lag = client.Gauge(
    'qinling_event_source_lag_events',
    'Events that wait in the sources which this engine reads, by kind.',
    ['kind'], registry=REGISTRY, multiprocess_mode='livesum')
event_source_lag_seconds = client.Gauge(
    'qinling_event_source_lag_seconds',
    'Age of the oldest event that waits in the sources which this engine '
    'reads, by kind.', ['kind'], registry=REGISTRY,
    multiprocess_mode='livemax')
notifications_dropped = _counter(
    'qinling_notifications_dropped_total',
    'Notifications of the audit trail that the bus did not accept in time.')

reaped_requeued = reaped.labels('requeued')
reaped_ended = reaped.labels('ended')
fire_times_fired = fire_times.labels('fired')
fire_times_refused = fire_times.labels('refused')


class GaugeSource(typing.Protocol):
    """Component with metrics computed on demand."""

    def collect_metrics(self) -> Iterator[Sample]:
        """Yield (name, help, labels, value) of each gauge."""


class GaugeCollector(registries.Collector):
    """Collector that reads the gauges of a source at each request."""

    def __init__(self, source: GaugeSource) -> None:
        self._source = source

    def describe(self) -> Iterable[client.Metric]:
        """Return no metrics, so that registration reads no gauge."""
        return []

    def collect(self) -> Iterable[client.Metric]:
        """Return the gauges, grouped by name."""
        families: dict[str, core.GaugeMetricFamily] = {}
        for name, text, labels, value in self._source.collect_metrics():
            family = families.setdefault(name, core.GaugeMetricFamily(
                name, text, labels=list(labels)))
            family.add_metric(list(labels.values()), value)
        return families.values()


def create_app(*collectors: GaugeCollector) -> wsgi_types.WSGIApplication:
    """Return a WSGI application that answers with all metrics."""
    registry = client.CollectorRegistry()
    if is_multiprocess():
        collector: typing.Any = multiprocess.MultiProcessCollector
        collector(registry)
    else:
        registry.register(REGISTRY)
        client.PlatformCollector(registry=registry)
        client.ProcessCollector(registry=registry)
        client.GCCollector(registry=registry)
    for collector in collectors:
        registry.register(collector)
    app: wsgi_types.WSGIApplication = client.make_wsgi_app(registry)
    return app


def is_multiprocess() -> bool:
    """Return whether several processes add up their metrics."""
    return DIRECTORY_VARIABLE in os.environ
