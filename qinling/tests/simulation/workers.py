# SPDX-License-Identifier: Apache-2.0
"""Workers of an engine: what they run is recorded, and may fail."""

import collections
import dataclasses
import io

from qinling.engine.workers import invoker as shipped
from qinling import exception
from qinling.orchestrators import base
from qinling.tests import fixtures
from qinling.tests.simulation import threads

#: Seconds that a function runs.
DURATIONS = (0, 0, 0.01, 0.05, 0.3, 1, 3, 7)
UNREACHABLE, LOST, BUSY = 'unreachable', 'lost', 'busy'
#: Answer of an agent to a cancelled execution.
CANCELLED = {'status': 'failed', 'log': '', 'duration': 0,
             'output': 'Function execution was cancelled.',
             'reason': 'cancelled'}


@dataclasses.dataclass
class Run:
    """A start of a function."""

    id: str
    token: str
    process: object
    worker: str
    started: float
    ended: float | None = None
    is_ok: bool = False


class Hall:
    """All workers of a deployment.

    :param choose_fate: returns a fault of a call of a worker, or ``None``.
    """

    def __init__(self, scheduler, choose_fate):
        self.scheduler = scheduler
        self.choose_fate = choose_fate
        self.runs = []
        #: Worker -> execution -> what ends the function early.
        self.stops = collections.defaultdict(dict)
        #: Most runs of an engine, of a worker, of a function of an engine.
        self.peaks = collections.Counter()
        self._counts = collections.Counter()

    def start(self, run, function_id):
        """Record a start."""
        self.runs.append(run)
        self.count(run, function_id, 1)

    def kill(self, worker):
        """End the functions of a worker."""
        for stop in self.stops.pop(worker.name, {}).values():
            stop.end(LOST)

    def count(self, run, function_id, number):
        """Count a run."""
        for key in (('worker', run.worker),
                    (
                        'function', run.process.owner, function_id,
                        run.token[:1] == 's')):
            self._counts[key] += number
            self.peaks[key] = max(self.peaks[key], self._counts[key])


class Stop:
    """Early end of a function."""

    def __init__(self):
        self._ended = threads.Event()
        self.cause = None

    def end(self, cause):
        """End the function."""
        self.cause = self.cause or cause
        self._ended.set()

    def wait(self, seconds):
        """Wait for the early end."""
        self._ended.wait(seconds)


class Orchestrator(base.Orchestrator):
    """Workers of one engine, which end with it."""

    def __init__(self, hall, process):
        self._hall = hall
        self._process = process
        self._claimed = {}
        self._pools = {}
        self._number = 0

    def ensure_pool(self, runtime):
        self._hall.scheduler.pause('ensure pool')
        self._pools[runtime.id] = base.Capacity(3, 3)

    def delete_pool(self, runtime_id):
        self._pools.pop(runtime_id, None)

    def pools(self):
        return dict(self._pools)

    def claim(self, runtime_id, function, limits, build=''):
        self._hall.scheduler.pause('claim a worker')
        if runtime_id not in self._pools:
            raise base.NoPool(runtime_id)
        if self._hall.choose_fate('claim') == BUSY:
            raise exception.TemporaryError('no worker is free')
        self._number += 1
        name = f'{self._process.name}-{self._number}'
        self._claimed[name] = base.Worker(
            name, runtime_id, 'unix:/none', 'secret', function)
        return self._claimed[name]

    def release(self, worker, disconnected=False):
        self._hall.scheduler.pause('release a worker')
        self._hall.kill(worker)
        self._claimed.pop(worker.name, None)

    def claimed(self):
        return list(self._claimed.values())

    def describe(self):
        return {'isolation': 'simulated'}

    def close(self):
        self._claimed.clear()


class Invoker:
    """Calls of workers, in place of :class:`qinling.engine.workers.invoker`.
    """

    def __init__(self):
        self._process = threads.current().current.process
        self._hall = self._process.hall

    def load(self, worker, settings, *packages):
        """Load code."""
        self._hall.scheduler.pause('load')
        if self._hall.choose_fate('load') == UNREACHABLE:
            raise shipped.NotSent('simulated')
        return 200, {}

    def execute(self, worker, request, timeout, max_bytes=0):
        """Run the function."""
        scheduler, hall = self._hall.scheduler, self._hall
        fate = hall.choose_fate('execute')
        scheduler.pause('execute')
        if fate == UNREACHABLE:
            raise shipped.NotSent('simulated')
        if fate == BUSY:
            return 503, {'error': 'no slot'}
        id = request['execution_id']
        function_id = request['context']['function_id']
        run = Run(id, request['kwargs'].get('token', ''), self._process,
                  worker.name, scheduler.now)
        hall.start(run, function_id)
        stop = hall.stops[worker.name][id] = Stop()
        scheduler.log(f'function starts: {run.token}')
        try:
            if duration := scheduler.random.choice(DURATIONS):
                stop.wait(duration)
        finally:
            run.ended = scheduler.now
            hall.count(run, function_id, -1)
            hall.stops[worker.name].pop(id, None)
        scheduler.pause('function ended')
        if LOST in (stop.cause, fate):
            raise shipped.Lost('simulated')
        if stop.cause:
            return 200, CANCELLED
        is_failure = request['kwargs'].get('fails', False)
        run.is_ok = True
        return 200, {
            'status': 'failed' if is_failure else 'success', 'log': '',
            'output': run.token, 'duration': duration}

    def cancel(self, worker, id):
        """Stop a function."""
        self._hall.scheduler.pause('cancel')
        stop = self._hall.stops[worker.name].get(id)
        if stop is None:
            return 404, {}
        stop.end('cancelled')
        return 200, {}

    def status(self, worker):
        """Return the state of a worker."""
        return 200, {'busy': False, 'state': 'idle'}

    def forget(self, worker):
        """Close no connection."""

    def abort(self, worker):
        """End the calls of a worker."""
        self._hall.kill(worker)


class Source:
    """Source with one package for all functions."""

    versioned = True

    def open(self, code, package=None, auth=None):
        """Return the package."""
        return io.BytesIO(fixtures.PACKAGE)


class Packages:
    """Packages that nothing stores."""

    def open(self, key):
        """Return the package."""
        return io.BytesIO(fixtures.PACKAGE)

    def drop(self, key):
        """Delete nothing."""

    def sweep(self):
        """Delete nothing."""


class Trusts:
    """No trusts."""

    def sweep(self):
        """Delete nothing."""
