#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Engines with thousands of workers in pods.

Starts the API server of a simulator of Kubernetes and several engines, which
share a database with many functions, fills the namespace with claimed pods,
and prints what an engine costs::

    python tools/bench/kubernetes_scale.py [--pods 5000] [--functions 2000]
        [--engines 5] [--seconds 60]

Pods are records without processes: one server answers for all agents, and a
small controller in place of those of Kubernetes makes each new pod ready.
The benchmark measures the engines and counts their calls, not a cluster.
"""

import argparse
import collections
from collections.abc import Iterator
import io
import itertools
import pathlib
import resource
import statistics
import sys
import tempfile
import threading
import time

import engine_processes
import pod_records
import processes

# Last in the path, so that no module of the checkout hides a library.
sys.path.append(str(pathlib.Path(__file__).parents[2]))

from qinling import conf as qinling_conf  # noqa: E402
from qinling.core import services  # noqa: E402
from qinling.db import crud  # noqa: E402
from qinling.db import models  # noqa: E402
from qinling.db import session  # noqa: E402

RUNTIME = '11111111-1111-1111-1111-111111111111'
COLD_STARTS = 50
SETTLE_SECONDS = 15
LEASE_SECONDS = 15
#: Until idle workers reserve little, with a turn of the engine.
REST_SECONDS = 75
REPLICAS = 8
CONFIG = '''
[DEFAULT]
debug = false
[database]
connection = sqlite:///{directory}/db
[storage]
file_system_dir = {directory}/packages
[engine]
orchestrator = kubernetes
function_service_expiration = 86400
[kubernetes]
kubeconfig = {cluster.kubeconfig}
namespace = {cluster.namespace}
replicas = {replicas}
network_policy_probe = off
'''


def create_rows(config: str, count: int) -> list[str]:
    """Create database, runtime and functions; return ids of functions."""
    conf = qinling_conf.load([], [config])
    db = session.Database(conf)
    db.write(models.Base.metadata.create_all)
    key = services.create_backends(conf, db).packages.put(
        io.BytesIO(b'package')).key

    def insert(tx: session.Connection) -> list[str]:
        crud.insert(tx, models.Runtime, id=RUNTIME, project_id='p',
                    image='python3', status='available', is_public=True)
        return [crud.insert(
            tx, models.Function, project_id='p', name=f'function-{number}',
            code={'source': 'package'}, package=key, entry='main.main',
            cpu=100, memory_size=64 << 20, timeout=5, runtime_id=RUNTIME)
            for number in range(count)]
    ids = db.write(insert)
    db.close()
    return ids


class Scale:
    """Benchmark of engines on a cluster."""

    def __init__(self, cluster: pod_records.Cluster, config: str,
                 ids: list[str], options: argparse.Namespace) -> None:
        self._cluster = cluster
        self._config = config
        self._ids = ids
        self._options = options
        self._engines = [engine_processes.EngineProcess(config)
                         for _ in range(options.engines)]

    def run(self) -> Iterator[tuple[str, object]]:
        """Yield the name and the value of each figure."""
        for engine in self._engines:
            engine.call('count_pods')
        time.sleep(SETTLE_SECONDS)
        yield 'memory of an engine without workers, MiB', self._memory()
        yield from self._rest('without workers')
        yield from self._fill()
        self._wait_quiet()
        yield 'memory of an engine with all pods, MiB', self._memory()
        yield from self._rest('with all pods')
        yield from self._start_cold()
        yield from self._restart()

    def close(self) -> None:
        """End all engines."""
        for engine in self._engines:
            engine.kill()

    def _wait_quiet(self) -> None:
        """Wait for the resizes of idle workers."""
        time.sleep(REST_SECONDS)
        count = -1
        while count != (count := self._count_calls()['patch pods/resize']):
            time.sleep(SETTLE_SECONDS)

    def _memory(self) -> float:
        return round(statistics.mean(
            processes.read_private_kib(engine.pid)
            for engine in self._engines) / 1024, 1)

    def _fill(self) -> Iterator[tuple[str, object]]:
        """Let each engine start workers at the same time."""
        missing = self._options.pods - self._cluster.count_claimed()
        ids = list(itertools.islice(itertools.cycle(self._ids), missing))
        shares = [ids[number::len(self._engines)]
                  for number in range(len(self._engines))]
        before, size = self._count_calls(), self._count_bytes('watch')
        events = self._cluster.maker.events
        threads = [threading.Thread(
            target=engine.call, args=('start_workers', share))
            for engine, share in zip(self._engines, shares)]
        start = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - start
        yield f'seconds to start {missing} workers', round(seconds, 1)
        events = self._cluster.maker.events - events
        yield 'bytes per event of a pod and engine', round(
            (self._count_bytes('watch') - size) / events
            / len(self._engines))
        yield 'calls for each of them', self._difference(before, missing)

    def _start_cold(self) -> Iterator[tuple[str, object]]:
        time.sleep(1)
        before = self._count_calls()
        times = self._engines[0].call(
            'start_workers', self._ids[:COLD_STARTS])
        yield 'cold start with all pods, p50 ms', round(
            statistics.median(times), 1)
        time.sleep(1)
        yield 'calls per cold start', self._difference(before, COLD_STARTS)

    def _rest(self, when: str) -> Iterator[tuple[str, object]]:
        engines, seconds = self._engines, self._options.seconds
        pids = [engine.pid for engine in engines]

        def count_statements() -> int:
            return sum(engine.call('read_statements') for engine in engines)
        before, statements = self._count_calls(), count_statements()
        cpu, size = processes.read_cpu_ms(pids), self._count_bytes()
        time.sleep(seconds)
        total = seconds * len(engines)
        yield f'at rest {when}: calls/s of an engine', self._difference(
            before, total)
        yield f'at rest {when}: bytes/s to an engine', round(
            (self._count_bytes() - size) / total)
        yield f'at rest {when}: CPU of an engine, %', round(
            (processes.read_cpu_ms(pids) - cpu) / total / 10, 2)
        yield f'at rest {when}: statements/s of an engine', round(
            (count_statements() - statements) / total, 2)

    def _restart(self) -> Iterator[tuple[str, object]]:
        """Kill an engine, and start another one."""
        self._engines.pop().kill()
        before = self._count_calls()
        engine = engine_processes.EngineProcess(self._config)
        self._engines.append(engine)
        yield 'seconds until a new engine serves', engine.call(
            'read_start_seconds')
        yield 'pods that the new engine knows', engine.call('count_pods')
        yield 'calls of its start', self._difference(before, 1)
        time.sleep(LEASE_SECONDS)
        before = self._count_calls()
        times = engine.call('start_workers', self._ids[
            len(self._engines) - 1::len(self._engines)][:COLD_STARTS])
        yield 'adoption of a worker of the dead engine, p50 ms', round(
            statistics.median(times), 1)
        yield 'calls per adoption', self._difference(before, COLD_STARTS)

    def _count_calls(self) -> collections.Counter[str]:
        return collections.Counter(
            f'{call.verb} {call.path}' for call in list(self._cluster.calls))

    def _count_bytes(self, verb: str | None = None) -> int:
        return sum(call.sent_bytes for call in list(self._cluster.calls)
                   if verb in (None, call.verb))

    def _difference(self, before: collections.Counter[str], divisor: float
                    ) -> str:
        return ', '.join(
            f'{name} {count / divisor:.2f}' for name, count in sorted(
                (self._count_calls() - before).items()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description='Measure engines with many workers in pods.')
    parser.add_argument('--pods', type=int, default=5000)
    parser.add_argument('--functions', type=int, default=2000)
    parser.add_argument('--engines', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=60,
                        help='duration of a measurement at rest')
    options = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with (tempfile.TemporaryDirectory() as directory,
          pod_records.Cluster() as cluster):
        pod_records.Agents(cluster.agent_address).start()
        config = pathlib.Path(directory, 'qinling.conf')
        config.write_text(CONFIG.format(
            directory=directory, cluster=cluster, replicas=REPLICAS))
        ids = create_rows(str(config), options.functions)
        scale = Scale(cluster, str(config), ids, options)
        try:
            for name, value in scale.run():
                print(f'{name:52}{value}', flush=True)
        finally:
            scale.close()


if __name__ == '__main__':
    main()
