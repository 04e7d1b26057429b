# SPDX-License-Identifier: Apache-2.0
"""Figures for Prometheus.

Each metric is a constant of this module, as a logger is: where something
happens, a child that was bound to its labels before is told of it, which
takes less than a microsecond.  Labels have few values: never the id of a
function, of an execution or of a project.

Where one service has several processes on a host, the variable
``PROMETHEUS_MULTIPROC_DIR`` names a directory in which the library adds their
figures up.
"""

import os

import prometheus_client as client
from prometheus_client import core
from prometheus_client import multiprocess
from prometheus_client import registry as registries

#: Seconds: executions on a warm worker take one millisecond, some minutes.
BUCKETS = (.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30,
           60, 300)
REGISTRY = client.CollectorRegistry()


def _counter(name, text, *labels):
    return client.Counter(name, text, labels, registry=REGISTRY)


def _histogram(name, text, *labels):
    return client.Histogram(name, text, labels, buckets=BUCKETS,
                            registry=REGISTRY)


requests = _histogram(
    'qinling_api_request_duration_seconds',
    'Requests answered by the API, by route.', 'method', 'route', 'status')
rpc_failures = _counter(
    'qinling_rpc_failures_total',
    'Messages to engines that were not sent or not answered.', 'verb')
executions = _histogram(
    'qinling_execution_duration_seconds',
    'Executions ended by this engine, from their begin here to their end.',
    'mode', 'status')
seat_wait = _histogram(
    'qinling_worker_wait_seconds',
    'How long executions waited for a place on a worker.')
cold_starts = _histogram(
    'qinling_cold_start_duration_seconds',
    'Workers that were given a function, from the choice of the worker until '
    'the code was loaded.')
cold_start_failures = _counter(
    'qinling_cold_start_failures_total',
    'Workers that could not be had, or did not load the function.')
rescued = _counter(
    'qinling_reaper_executions_total',
    'Executions that nobody looked after, by what was done with them.',
    'action')
leases_lost = _counter(
    'qinling_leases_lost_total',
    'Executions that were not this engine\'s any more when it renewed their '
    'leases.')
ticks = _counter(
    'qinling_scheduler_ticks_total',
    'Ticks of jobs, by what came of them.', 'outcome')
notifications_dropped = _counter(
    'qinling_notifications_dropped_total',
    'Notifications for the audit trail that the bus did not take in time.')

rescued_again = rescued.labels('begun again')
rescued_ended = rescued.labels('ended')
ticks_fired = ticks.labels('fired')
ticks_refused = ticks.labels('refused')


class Live(registries.Collector):
    """Figures that are looked up when somebody asks.

    :param look: function that yields (name, help, labels as a dict,
        number).
    """

    def __init__(self, look):
        self._look = look

    def describe(self):
        """Nothing, so that registering looks nothing up."""
        return []

    def collect(self):
        """The families, each once."""
        families = {}
        for name, text, labels, number in self._look():
            family = families.setdefault(name, core.GaugeMetricFamily(
                name, text, labels=list(labels)))
            family.add_metric(list(labels.values()), number)
        return families.values()


def application(*live):
    """A WSGI application that answers with all figures, those of ``live``
    (:class:`Live`) among them."""
    registry = client.CollectorRegistry()
    if shared():
        multiprocess.MultiProcessCollector(registry)
    else:
        registry.register(REGISTRY)
        for collector in (client.PlatformCollector, client.ProcessCollector,
                          client.GCCollector):
            collector(registry=registry)
    for each in live:
        registry.register(each)
    return client.make_wsgi_app(registry)


def shared():
    """Whether several processes add their figures up."""
    return 'PROMETHEUS_MULTIPROC_DIR' in os.environ
