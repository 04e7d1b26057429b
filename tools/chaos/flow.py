#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check the flow control while engines are killed.

Starts engines without workers over a database of this machine, creates
executions with many keys, a few of them noisy, and kills engines with SIGKILL
at random until all executions have ended::

    python tools/chaos/flow.py --database postgresql --keys 10000

Engines note each start and end of a run in a file.  Reports keys with more
runs at a time than the limit, lost executions, and figures; the exit code is 1
if a guarantee is broken.
"""

import argparse
import collections
import json
import logging
import multiprocessing
from multiprocessing import process
from multiprocessing import synchronize
import os
import pathlib
import random
import statistics
import sys
import tempfile
import time
import typing

sys.path[:0] = [str(pathlib.Path(__file__).parents[2])]

from qinling import conf as qinling_conf  # noqa: E402
from qinling.db import crud  # noqa: E402
from qinling.db import models  # noqa: E402
from qinling.db import session  # noqa: E402
from qinling.tests import fixtures  # noqa: E402
from qinling.tests import flow_peers  # noqa: E402

#: Executions that an engine claims at a time: a turn is shorter than a lease.
MAX_CLAIMS = 10
LEASE_SECONDS = 15
TURN_SECONDS = 0.05
#: Time between the ends of two runs of a turn, so that kills meet runs.
RUN_SECONDS = 0.02
BATCH = 500
#: No bus announces the executions, so engines look for them soon. Creation
#: fills the line faster than the engines empty it.
OPTIONS = {'resource_limits': {'queue_length': 1_000_000},
           'engine': {'max_attempts': 1000, 'lease': LEASE_SECONDS,
                      'queue_timeout': 1}}
START_SECONDS = 60
#: Engines are forked from a process that has imported all modules: imports
#: would take longer than the time between two kills.
PROCESSES = multiprocessing.get_context('forkserver')
PROCESSES.set_forkserver_preload(['qinling.tests.flow_peers',
                                  'qinling.tests.fixtures'])


class Hall:
    """File of all starts and ends of runs, common to all engines."""

    def __init__(self, path: str, owner: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._owner = owner

    def enter(self, key: str, id: str) -> None:
        """Note a start."""
        self._note('+', key, id)

    def leave(self, key: str, id: str) -> None:
        """Note an end."""
        self._note('-', key, id)

    def _note(self, *values: str) -> None:
        line = json.dumps([*values, self._owner, time.monotonic()])
        os.write(self._file, f'{line}\n'.encode())


class Peer(flow_peers.Peer):
    """Engine that claims few executions at a time."""

    max_claims = MAX_CLAIMS


def run_engine(connection: str, path: str, owner: str,
               is_ready: synchronize.Event) -> None:
    """Run an engine until the process is killed."""
    # An execution of a dead engine, or without a message, is usual here.
    logging.getLogger('qinling').setLevel(logging.ERROR)
    conf = qinling_conf.load([], [])
    for name, value in OPTIONS['engine'].items():
        conf.set_override(name, value, group='engine')
    conf.set_override('connection', connection, group='database')
    peer = Peer(conf, session.Database(conf, shared=True),
                Hall(path, owner), owner,
                lambda step: time.sleep(RUN_SECONDS * (step == 'end')))
    is_ready.set()
    while True:
        peer.turn()
        if not peer.queue:
            time.sleep(TURN_SECONDS)


class Chaos:
    """One run."""

    def __init__(self, args: argparse.Namespace, core: typing.Any,
                 path: str) -> None:
        self._args = args
        self._core = core
        self._path = path
        self._random = random.Random(args.seed)
        self._engines: dict[str, process.BaseProcess] = {}
        self._ends: dict[str, float] = {}
        self._kills = 0

    def run(self) -> bool:
        """Return whether all guarantees held."""
        started = time.monotonic()
        keys = self.create_executions()
        creation = time.monotonic() - started
        for _ in range(self._args.engines):
            self.start_engine()
        started = time.monotonic()
        while count := self.count_unfinished():
            if time.monotonic() > started + self._args.seconds:
                print(f'{count} executions have not ended.')
                self.kill_all()
                return False
            time.sleep(self._random.uniform(0.5, 2 * self._args.pause))
            self.kill(self._random.choice(list(self._engines)))
            self.start_engine()
        seconds = time.monotonic() - started
        self.kill_all()
        return self.report(keys, creation, seconds)

    def kill_all(self) -> None:
        """Kill all engines."""
        for owner in list(self._engines):
            self.kill(owner)

    def create_executions(self) -> int:
        """Create one execution of each key, and many of the noisy ones."""
        args = self._args
        keys = [f'key {number}' for number in range(args.keys)]
        keys += [f'key {number % args.noisy}'
                 for number in range(args.executions - args.keys)]
        self._random.shuffle(keys)
        function = self._core.function(flow_control={
            'key': '$.key', 'concurrency': args.limit}).id
        for place in range(0, len(keys), BATCH):
            self._core.services.batches.create(
                fixtures.caller(), [fixtures.execution_request(
                    function, sync=False, input={'key': key})
                    for key in keys[place:place + BATCH]])
        return len(set(keys))

    def count_unfinished(self) -> int:
        """Return the number of executions without an end."""
        count: int = self._core.db.read(
            crud.count, models.Execution,
            models.Execution.status == 'running')
        return count

    def start_engine(self) -> None:
        """Start another engine."""
        owner = f'engine {len(self._engines) + len(self._ends)}'
        is_ready = PROCESSES.Event()
        engine = PROCESSES.Process(target=run_engine, args=(
            self._core.database.connection, self._path, owner, is_ready))
        engine.start()
        self._engines[owner] = engine
        # An engine that dies before it works proves nothing.
        if not is_ready.wait(START_SECONDS):
            raise RuntimeError(f'{owner} did not start.')

    def kill(self, owner: str) -> None:
        """Kill an engine."""
        engine = self._engines.pop(owner)
        engine.kill()
        engine.join()
        self._ends[owner] = time.monotonic()
        self._kills += 1

    def report(self, keys: int, creation: float, seconds: float) -> bool:
        """Print figures and faults; return whether there is no fault."""
        statuses = collections.Counter(self._core.db.read(
            crud.select_values, models.Execution.status))
        overlaps = self.find_overlaps()
        entries = self._core.db.read(crud.count, models.FlowEntry)
        print(f'{self._args.database}: {sum(statuses.values())} executions '
              f'of {keys} keys created in {creation:.0f} s, ended in '
              f'{seconds:.0f} s by {self._args.engines} engines at a time; '
              f'{self._kills} were killed.')
        self.print_starts(sum(statuses.values()))
        print(f'Statuses {dict(statuses)}; greatest number of a key at a '
              f'time {overlaps}, limit {self._args.limit}; '
              f'{entries} entries left.')
        return (set(statuses) == {'success'} and not entries
                and overlaps <= self._args.limit)

    def read_runs(self) -> list[tuple[str, str, str, str, float]]:
        """Return sign, key, execution, engine and time of each note."""
        return [tuple(json.loads(line)) for line in pathlib.Path(
            self._path).read_text().splitlines()]

    def print_starts(self, executions: int) -> None:
        """Print how many runs were interrupted, and when keys started."""
        starts = [run for run in self.read_runs() if run[0] == '+']
        first: dict[str, float] = {}
        for _sign, key, _id, _owner, at in starts:
            first.setdefault(key, at - starts[0][4])
        for name, is_noisy in (('quiet', False), ('noisy', True)):
            waits = sorted(wait for key, wait in first.items() if (
                int(key.split()[1]) < self._args.noisy) is is_noisy)
            if waits:
                print(f'First run of a {name} key after: median '
                      f'{statistics.median(waits):.1f} s, maximum '
                      f'{waits[-1]:.1f} s.')
        print(f'{len(starts) - executions} runs were interrupted and '
              'repeated.')

    def find_overlaps(self) -> int:
        """Return the greatest number of runs of a key at a time."""
        changes: list[tuple[float, int, str]] = []
        open_runs: dict[tuple[str, str], str] = {}
        for sign, key, id, owner, at in self.read_runs():
            changes.append((at, 1 if sign == '+' else -1, key))
            if sign == '+':
                open_runs[id, owner] = key
            else:
                open_runs.pop((id, owner), None)
        # The process and all its runs are dead.
        changes += [(self._ends[owner], -1, key)
                    for (_id, owner), key in open_runs.items()]
        running: collections.Counter[str] = collections.Counter()
        greatest = 0
        for _at, change, key in sorted(changes):
            running[key] += change
            greatest = max(greatest, running[key])
        return greatest


def main() -> int:
    """Run the check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--database', default='postgresql')
    for name, default in (('keys', 10_000), ('executions', 13_000),
                          ('noisy', 50), ('limit', 1), ('engines', 5),
                          ('seconds', 900), ('pause', 3), ('seed', 1)):
        parser.add_argument(f'--{name}', type=int, default=default)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        core = fixtures.Core(args.database, **OPTIONS)
        core.setUp()
        try:
            is_good = Chaos(args, core, f'{directory}/runs').run()
        finally:
            core.cleanUp()
    return 0 if is_good else 1


if __name__ == '__main__':
    sys.exit(main())
