# SPDX-License-Identifier: Apache-2.0
"""Engines in processes, driven by commands."""

import json
import pathlib
import subprocess
import sys
import threading
import time
import typing

import sqlalchemy

# Last in the path, so that no module of the checkout hides a library.
sys.path.append(str(pathlib.Path(__file__).parents[2]))

from qinling import conf as qinling_conf  # noqa: E402
from qinling import context  # noqa: E402
from qinling.core import services  # noqa: E402
from qinling.core import targets  # noqa: E402
from qinling.db import session  # noqa: E402
from qinling.engine import service  # noqa: E402
from qinling.orchestrators import kubernetes  # noqa: E402


class EngineProcess:
    """Engine in another process; see :class:`EngineCommands`."""

    def __init__(self, config: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, config],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        self._lock = threading.Lock()

    def call(self, command: str, *args: object) -> typing.Any:
        """Return the answer to a command."""
        assert self._process.stdin and self._process.stdout
        with self._lock:
            print(json.dumps([command, *args]), file=self._process.stdin,
                  flush=True)
            return json.loads(self._process.stdout.readline())

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()


class EngineCommands:
    """Commands of the benchmark to the engine of the process."""

    def __init__(self, config: str) -> None:
        conf = qinling_conf.load([], [config])
        self._db = session.Database(conf)
        self._orchestrator = kubernetes.Driver(conf)
        self.statements = 0
        sqlalchemy.event.listen(
            sqlalchemy.Engine, 'before_cursor_execute', self._count)
        self._engine = service.Engine(
            conf, self._db, self._orchestrator,
            services.create_backends(conf, self._db))
        start = time.monotonic()
        self._engine.start_service()
        self._seconds = time.monotonic() - start

    def _count(self, *_args: object) -> None:
        self.statements += 1

    def read_statements(self) -> int:
        """Return the number of statements so far."""
        return self.statements

    def read_start_seconds(self) -> float:
        """Return the seconds until the engine served."""
        return round(self._seconds, 2)

    def count_pods(self) -> int:
        """Return the number of pods known to the engine."""
        return len(self._orchestrator._view.pods)

    def start_workers(self, ids: list[str]) -> list[float]:
        """Start a worker for each function; return milliseconds."""
        times = []
        for id in ids:
            target = self._resolve(id)
            start = time.perf_counter()
            self._engine._scaling.scale_up(target)
            times.append((time.perf_counter() - start) * 1000)
        return times

    def _resolve(self, id: str) -> targets.Target:
        return self._db.read(
            lambda tx: targets.resolve(tx, context.admin(), id))


def run_engine(config: str) -> None:
    """Answer commands from standard input, a JSON array on each line."""
    commands = EngineCommands(config)
    for line in sys.stdin:
        name, *args = json.loads(line)
        print(json.dumps(getattr(commands, name)(*args)), flush=True)


if __name__ == '__main__':
    run_engine(sys.argv[1])
