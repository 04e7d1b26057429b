# SPDX-License-Identifier: Apache-2.0
"""Plan of one run: deployment, requests and faults, all of one seed."""

import dataclasses
import datetime
import random

from qinling.tests.simulation import bus
from qinling.tests.simulation import workers

#: Seconds in which requests and faults happen.
SECONDS = 15
CRASH, CRASH_AT_COMMIT, STOP, CLOCK, BUS_DOWN = (
    'crash', 'crash at commit', 'stop', 'clock', 'bus down')
FREEZE = 'freeze'
MESSAGE, WORKER, COMMIT, NETWORK = 'message', 'worker', 'commit', 'network'
_WEIGHTS = {CRASH: 6, CRASH_AT_COMMIT: 6, STOP: 2, CLOCK: 4, BUS_DOWN: 1,
            MESSAGE: 6, WORKER: 4, COMMIT: 3, NETWORK: 4, FREEZE: 3}


@dataclasses.dataclass(frozen=True)
class Fault:
    """A fault; what the fields mean depends on the kind."""

    kind: str
    place: str = ''
    number: int = 0
    at: float = 0
    seconds: float = 0
    fate: str | None = None

    def __str__(self):
        fields = {name: value for name, value in vars(self).items()
                  if value and name != 'kind'}
        return f'{self.kind} {fields}'


@dataclasses.dataclass(frozen=True)
class Setup:
    """Deployment of one run."""

    apis: int
    engines: int
    is_direct: bool
    quota: int
    has_all_turns: bool


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything that a seed decides beforehand."""

    setup: Setup
    requests: tuple
    faults: tuple

    def without(self, requests=(), faults=()):
        """Return the plan without some places of both tuples."""
        return dataclasses.replace(self, requests=tuple(
            item for place, item in enumerate(self.requests)
            if place not in requests), faults=tuple(
            item for place, item in enumerate(self.faults)
            if place not in faults))

    def has(self, *kinds):
        """Return whether the plan has a fault of these kinds."""
        return any(fault.kind in kinds for fault in self.faults)


def create_setup(source):
    """Return a random deployment."""
    return Setup(
        apis=source.choice((1, 1, 2)), engines=source.choice((1, 2, 2, 3)),
        is_direct=source.random() < 0.5,
        quota=source.choice((-1, -1, -1, 1, 2)),
        has_all_turns=source.random() < 0.1)


def create_faults(source, setup):
    """Return random faults."""
    number = source.choice((0, 1, 1, 2, 2, 3, 4, 6))
    kinds = source.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=number)
    return tuple(_create_fault(source, kind, setup) for kind in kinds)


def _create_fault(source, kind, setup):
    is_api = source.random() < 0.25
    place = (f'api{source.randrange(setup.apis)}' if is_api
             else f'engine{source.randrange(setup.engines)}')
    at = source.uniform(1, SECONDS)
    if kind == CRASH:
        return Fault(kind, place, number=int(10 ** source.uniform(1.3, 3)),
                     seconds=source.choice((0.5, 3, 15)))
    if kind == CRASH_AT_COMMIT:
        return Fault(kind, place, number=source.randint(1, 40),
                     seconds=source.choice((0.5, 3, 15)),
                     fate=source.choice(('COMMIT', 'committed')))
    if kind == STOP:
        return Fault(kind, f'engine{source.randrange(setup.engines)}', at=at)
    if kind == CLOCK:
        return Fault(kind, place, at=at, seconds=source.choice(
            (-3600, -3600, 3600, 3600, -90, 90, 5, -5)))
    if kind == FREEZE:
        return Fault(kind, place, at=at,
                     seconds=source.choice((0.5, 2, 5, 8, 14)))
    if kind == BUS_DOWN:
        return Fault(kind, at=at, seconds=source.choice((1, 4, 12)))
    if kind == MESSAGE:
        return Fault(kind, number=source.randint(1, 12), seconds=(
            source.choice((0, 0.5, 4, 12))), fate=source.choice(
            (None, bus.NOT_DELIVERED, bus.DOUBLED, bus.UNANSWERED)))
    if kind == WORKER:
        return Fault(kind, number=source.randint(1, 12), fate=source.choice(
            (workers.UNREACHABLE, workers.LOST, workers.BUSY)))
    if kind == COMMIT:
        return Fault(kind, place, number=source.randint(1, 30),
                     fate=source.choice(('refused', 'unanswered')))
    return Fault(kind, number=source.randint(1, 40),
                 seconds=source.choice((0, 2, 4, 9)))


class Fates:
    """Carries out the faults of a plan.

    The constructor counts nothing before :meth:`begin`.
    """

    def __init__(self, plan):
        self._faults = plan.faults
        self._counts = {MESSAGE: 0, WORKER: 0, NETWORK: 0}
        self._commits = {}
        self.cloud = None
        self._crashes = [fault for fault in plan.faults
                         if fault.kind in (CRASH, CRASH_AT_COMMIT)]
        self.is_over = False

    def begin(self, cloud):
        """Let the faults of the cloud happen from now on."""
        self.cloud = cloud
        if self._crashes:
            cloud.scheduler.on_step = self._step
        for fault in self._faults:
            if fault.kind in (STOP, CLOCK, BUS_DOWN, FREEZE):
                cloud.scheduler.spawn(cloud.world, fault.kind,
                                      self._run, fault)

    def _step(self, process, label):
        """Let a process end at this point, if the plan says so."""
        if self.is_over:
            return
        counts = process.counts
        counts['step'] = counts.get('step', 0) + 1
        if label in ('COMMIT', 'committed'):
            counts[label] = counts.get(label, 0) + 1
        for fault in self._crashes:
            key = 'step' if fault.kind == CRASH else fault.fate
            if fault.place == process.name and (
                    fault.kind == CRASH or label == key) and (
                    counts.get(key) == fault.number):
                self._crashes.remove(fault)
                self.cloud.restart_later(process, fault.seconds)
                return

    def _run(self, fault):
        cloud = self.cloud
        cloud.scheduler.sleep(fault.at)
        cloud.scheduler.log(f'fault: {fault}')
        if fault.kind == BUS_DOWN:
            cloud.bus.is_down = True
            cloud.scheduler.sleep(fault.seconds)
            cloud.bus.is_down = False
            return
        process = cloud.processes[fault.place]
        if fault.kind == FREEZE:
            cloud.scheduler.freeze(process, fault.seconds)
        elif fault.kind == CLOCK:
            process.skew += datetime.timedelta(seconds=fault.seconds)
        elif process.is_alive and hasattr(process, 'stop'):
            process.stop.set()

    def _next(self, kind):
        """Return the fault of the next call of a kind, if any."""
        self._counts[kind] += 1
        for fault in self._faults:
            if fault.kind == kind and fault.number == self._counts[kind]:
                self.cloud.scheduler.log(f'fault: {fault}')
                return fault
        return None

    def choose_message_fate(self, method):
        """Return the delay and the fault of a message."""
        if method == 'has_workers':
            return 0, None
        fault = self._next(MESSAGE)
        return (fault.seconds, fault.fate) if fault else (0, None)

    def choose_worker_fate(self, _call):
        """Return the fault of a call of a worker."""
        fault = self._next(WORKER)
        return fault and fault.fate

    def choose_commit_fate(self, task):
        """Return the fault of a commit."""
        name = task.process.name
        self._commits[name] = self._commits.get(name, 0) + 1
        for fault in self._faults:
            if fault.kind == COMMIT and fault.place == name and (
                    fault.number == self._commits[name]):
                self.cloud.scheduler.log(f'fault: {fault}')
                return fault.fate
        return None

    def delay(self):
        """Return the seconds of a write to a socket, ``None`` to cut."""
        fault = self._next(NETWORK)
        if fault is None:
            return 0
        return fault.seconds or None


def create_random(seed):
    """Return the source of the plan of a seed."""
    return random.Random(f'plan {seed}')
