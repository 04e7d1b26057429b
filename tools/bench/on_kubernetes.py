#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of functions in pods.

Starts a simulator of Kubernetes, which runs pods as processes of the present
machine, and a server on the simulator, and prints a table::

    python tools/bench/on_kubernetes.py [--seconds 5] [--rounds 20]

Claims of an idle pod and of a new pod are measured at the driver, until the
agent of the pod answers; executions over the REST API.  The simulator starts
a container as fast as a process: the benchmark measures the driver and the
engine, not a cluster.  Counts the calls of the API server, without renewals
of the lease of the engine.
"""

import argparse
import pathlib
import statistics
import sys
import threading
import time

import service
import timing

# Last in the path, so that no module of the checkout hides a library.
sys.path.append(str(pathlib.Path(__file__).parents[2]))

from qinling import conf as qinling_conf  # noqa: E402
from qinling.engine.workers import invoker as invokers  # noqa: E402
from qinling.orchestrators import base  # noqa: E402
from qinling.orchestrators import kubernetes  # noqa: E402
from qinling.tests.kubernetes import cluster as clusters  # noqa: E402
from qinling.tests import runtime_images  # noqa: E402

IMAGE = 'python3'
FUNCTION = base.FunctionKey('f')
LIMITS = base.Limits(cpu=100, memory_size=64 << 20, slots=1)
PERIODIC_RESOURCES = {'leases'}
EXECUTIONS = 500
CONFIG = '''
[engine]
orchestrator = kubernetes
[kubernetes]
kubeconfig = {}
namespace = {}
replicas = 2
'''


def create_driver(cluster: clusters.Cluster, replicas: int
                  ) -> kubernetes.Driver:
    """Return a driver with one full pool."""
    conf = qinling_conf.load([], [])
    for name, value in (('kubeconfig', cluster.kubeconfig),
                        ('namespace', cluster.namespace),
                        ('replicas', replicas)):
        conf.set_override(name, value, group='kubernetes')
    driver = kubernetes.Driver(conf)
    driver.ensure_pool(base.RuntimeSpec('r', IMAGE))
    wait_for_pool(driver, replicas)
    return driver


def wait_for_pool(driver: kubernetes.Driver, replicas: int) -> None:
    """Wait until the pool is full."""
    while driver.pools()['r'].available < replicas:
        time.sleep(0.005)


def claim(driver: kubernetes.Driver, invoker: invokers.Invoker
          ) -> tuple[float, base.Worker]:
    """Return the milliseconds until a claimed worker answers, and the
    worker."""
    start = time.perf_counter()
    worker = driver.claim('r', FUNCTION, LIMITS)
    status, _answer = invoker.status(worker)
    if status != 200:
        raise RuntimeError(status)
    return (time.perf_counter() - start) * 1000, worker


def measure_claims(cluster: clusters.Cluster, rounds: int
                   ) -> dict[str, float]:
    """Return the figures of claims by name."""
    driver, invoker = create_driver(cluster, 1), invokers.Invoker()
    idle_times, new_times = [], []
    for _ in range(rounds):
        wait_for_pool(driver, 1)
        milliseconds, idle = claim(driver, invoker)
        idle_times.append(milliseconds)
        # The pool is now empty.
        milliseconds, new = claim(driver, invoker)
        new_times.append(milliseconds)
        for worker in (idle, new):
            invoker.forget(worker)
            driver.release(worker)
    driver.delete_pool('r')
    driver.close()
    return {'claim of an idle pod until it answers, p50 ms':
            statistics.median(idle_times),
            'claim when none is idle, p50 ms': statistics.median(new_times)}


def measure_executions(cluster: clusters.Cluster, url: str,
                       options: argparse.Namespace) -> dict[str, float]:
    """Return the figures of executions by name."""
    client = service.Client(url)
    runtime = client.find_runtime()
    client.wait_for_pool(runtime, 2)
    function = client.create_function(runtime)
    body = service.build_request(function)
    for _ in range(50):
        client.run(body)
    calls = wait_for_quiet(cluster)
    warm = timing.measure_median_ms(lambda: client.run(body), EXECUTIONS)
    calls = count_calls(cluster) - calls
    return {
        'warm execution, p50 ms': warm,
        'calls of the API server for each': calls / EXECUTIONS,
        'executions/s, 8 connections': timing.measure_throughput(
            url, function, 8, options.seconds),
        'first execution of a function, p50 ms': timing.measure_first_ms(
            client, runtime, 2, options.rounds)}


def count_calls(cluster: clusters.Cluster) -> int:
    """Return the number of calls of the API server so far."""
    return sum(call.resource not in PERIODIC_RESOURCES
               for call in cluster.calls)


def wait_for_quiet(cluster: clusters.Cluster) -> int:
    """Wait for a second without calls, and return the number of calls."""
    count = -1
    while count != (count := count_calls(cluster)):
        threading.Event().wait(1)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(
        description='Measure functions in pods of a simulator.')
    parser.add_argument('--seconds', type=float, default=5,
                        help='duration of a measurement of throughput')
    parser.add_argument('--rounds', type=int, default=20,
                        help='claims, and first executions')
    options = parser.parse_args()
    with clusters.Cluster() as cluster:
        cluster.kubelet.images[IMAGE] = runtime_images.runtime()
        figures = measure_claims(cluster, options.rounds)
        with service.run_server(CONFIG.format(
                cluster.kubeconfig, cluster.namespace)) as server:
            figures |= measure_executions(cluster, server.url, options)
    for name, value in figures.items():
        print(f'{name:48}{value:10.2f}')


if __name__ == '__main__':
    main()
