# SPDX-License-Identifier: Apache-2.0
"""Measures functions on pods.

Starts a stand-in for Kubernetes, which runs pods as processes of this
machine, and a server that uses it, and prints a table::

    python tools/bench/on_kubernetes.py [--seconds 5] [--rounds 20]

The claim of an idle pod and of one that must be made first are measured at
the driver, until the agent of the pod has answered; executions over the REST
API.  The stand-in starts a container in the time that a process takes: what
is measured is the driver and the engine, not a cluster.  Calls of the API
server are counted, without those that renew the engine's sign of life.
"""

import argparse
import pathlib
import signal
import statistics
import sys
import tempfile
import threading
import time

import main_job

# The last directory: nothing of ours is to hide a library.
sys.path.append(str(pathlib.Path(__file__).parents[2]))

from qinling import conf as qinling_conf  # noqa: E402
from qinling.engine.run import invoker  # noqa: E402
from qinling.orchestrators import base  # noqa: E402
from qinling.orchestrators import kubernetes  # noqa: E402
from qinling.tests.kubernetes import cluster as clusters  # noqa: E402
from qinling.tests.kubernetes import images  # noqa: E402

IMAGE = 'python3'
LIMITS = base.Limits(cpu=100, memory_size=64 << 20, slots=1)
STANDING = {'leases'}


def driver(cluster, replicas):
    """A driver with one pool that is full."""
    conf = qinling_conf.load([], [])
    for name, value in (('kubeconfig', cluster.kubeconfig),
                        ('namespace', cluster.namespace),
                        ('replicas', replicas)):
        conf.set_override(name, value, group='kubernetes')
    made = kubernetes.Driver(conf)
    made.ensure_pool(base.RuntimeSpec('r', IMAGE))
    wait_full(made, replicas)
    return made


def wait_full(made, replicas):
    while made.pools()['r'].available < replicas:
        time.sleep(0.005)


def claim_ms(made, calls):
    """(milliseconds until a claimed worker has answered, the worker)."""
    begin = time.perf_counter()
    worker = made.claim('r', base.FunctionKey('f'), LIMITS)
    status, _answer = calls.status(worker)
    if status != 200:
        raise RuntimeError(status)
    return (time.perf_counter() - begin) * 1000, worker


def claims(cluster, rounds):
    """Figures of claims."""
    made, calls = driver(cluster, 1), invoker.Invoker()
    idle, fresh = [], []
    for _ in range(rounds):
        wait_full(made, 1)
        first, one = claim_ms(made, calls)
        # Nothing is idle now.
        second, other = claim_ms(made, calls)
        idle.append(first)
        fresh.append(second)
        for worker in (one, other):
            calls.forget(worker)
            made.release(worker)
    made.delete_pool('r')
    made.close()
    return {'claim of an idle pod until it answers, p50 ms':
            statistics.median(idle),
            'claim when none is idle, p50 ms': statistics.median(fresh)}


def start(cluster, directory):
    """(process, URL) of a server on the cluster."""
    config = pathlib.Path(directory, 'qinling.conf')
    config.write_text(
        '[engine]\norchestrator = kubernetes\n[kubernetes]\n'
        f'kubeconfig = {cluster.kubeconfig}\n'
        f'namespace = {cluster.namespace}\nreplicas = 2\n')
    return main_job.start(directory, '--config-file', str(config))


def executions(cluster, url, options):
    """Figures of executions."""
    client = main_job.Client(url)
    runtime = client.json('GET', '/v1/runtimes')['runtimes'][0]['id']
    main_job.wait_for_pool(client, runtime, 2)
    function = main_job.create(client, runtime)
    body = main_job.order(function)
    for _ in range(50):
        main_job.run(client, body)
    settle(cluster)
    before, rounds = len(cluster.calls), 500
    warm = main_job.median_ms(lambda: main_job.run(client, body), rounds)
    asked = [call for call in cluster.calls[before:]
             if call.resource not in STANDING]
    return {
        'warm execution, p50 ms': warm,
        'calls of the API server for each': len(asked) / rounds,
        'executions/s, 8 connections': main_job.throughput(
            url, function, 8, options.seconds),
        'first execution of a function, p50 ms': main_job.first_ms(
            client, runtime, 2, options.rounds)}


def settle(cluster):
    """Wait until the cluster is asked nothing any more."""
    seen, quiet = -1, threading.Event()
    while seen != (count := sum(call.resource not in STANDING
                                for call in cluster.calls)):
        seen = count
        quiet.wait(1)


def main():
    parser = argparse.ArgumentParser(
        description='Measure functions on pods of a stand-in.')
    parser.add_argument('--seconds', type=float, default=5,
                        help='how long to measure throughput')
    parser.add_argument('--rounds', type=int, default=20,
                        help='claims, and first executions')
    options = parser.parse_args()
    with clusters.Cluster() as cluster, \
            tempfile.TemporaryDirectory() as directory:
        cluster.kubelet.images[IMAGE] = images.runtime()
        figures = claims(cluster, options.rounds)
        server, url = start(cluster, directory)
        try:
            figures |= executions(cluster, url, options)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
    for name, value in figures.items():
        print(f'{name:48}{value:10.2f}')


if __name__ == '__main__':
    main()
