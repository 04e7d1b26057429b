# SPDX-License-Identifier: Apache-2.0
"""Faults: deaths, freezes and partitions of the processes of a cloud."""

from collections.abc import Callable
import random
import signal
import threading
import time
import typing

import deployment

#: Seconds that a fault lasts: longer than the lease of an engine.
FAULT_SECONDS = (2.0, 7.0)
#: Seconds between two faults.
PAUSE_SECONDS = (0.5, 2.0)
#: Faults that are not injected, with reasons.
SKIPPED = (
    'clock: libfaketime does not reach the processes of a sandbox; the model '
    'of schedules has clocks that are behind',
    'full disk: each process would need a file system of its own',
    'database restart: the servers of the machine are shared; '
    'test_resilience restarts servers of its own')
Program = typing.Any
Fault = Callable[[Program], Callable[[], None]]


class Nemesis:
    """Injects faults into engines and, at the same time, into APIs.

    Of each kind, one program at a time has a fault.  ``log`` has a line for
    each fault.
    """

    def __init__(self, cloud: deployment.Deployment, seed: int) -> None:
        self._cloud = cloud
        self._seed = seed
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(programs,), daemon=True)
            for programs in (cloud.engines, cloud.apis)]
        self._started = time.monotonic()
        self.log: list[str] = []
        self._errors: list[BaseException] = []

    def start(self) -> None:
        """Start to inject faults."""
        self._started = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Heal the present faults and stop.

        :raises: the error of a program that did not return.
        """
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        for error in self._errors:
            raise error

    def _run(self, programs: list[Program]) -> None:
        rng = random.Random(f'{self._seed}/{programs[0].name}')
        faults = [self._kill, self._freeze, self._restart,
                  self._cut_off('database'), self._cut_off('bus'),
                  self._silence('database'), self._silence('bus')]
        try:
            while not self._stopped.is_set():
                # Each fault once before any fault twice.
                rng.shuffle(faults)
                for fault in faults:
                    self._inject(rng, fault, programs)
        except BaseException as e:
            self._errors.append(e)

    def _inject(self, rng: random.Random, fault: Fault,
                programs: list[Program]) -> None:
        if self._stopped.wait(rng.uniform(*PAUSE_SECONDS)):
            return
        number = rng.randrange(len(programs))
        program, duration = programs[number], rng.uniform(*FAULT_SECONDS)
        self.log.append(
            f'{time.monotonic() - self._started:6.1f} s: '
            f'{fault.__name__.strip("_")} {program.name} {number + 1} for '
            f'{duration:.1f} s')
        heal = fault(program)
        self._stopped.wait(duration)
        heal()

    def _kill(self, program: Program) -> Callable[[], None]:
        program.kill()
        return lambda: self._cloud.restart(program)

    def _restart(self, program: Program) -> Callable[[], None]:
        """Stop a program as an operator does, and start it again."""
        program.stop()
        return lambda: self._cloud.restart(program)

    def _freeze(self, program: Program) -> Callable[[], None]:
        program.process.send_signal(signal.SIGSTOP)
        return lambda: program.process.send_signal(signal.SIGCONT)

    def _cut_off(self, server: str) -> Fault:
        """Return the fault that breaks all connections to a server."""
        def cut_off(program: Program) -> Callable[[], None]:
            relay = self._cloud.relays[program][server]
            relay.stop()
            return typing.cast(Callable[[], None], relay.start)
        cut_off.__name__ = f'cut off the {server} from'
        return cut_off

    def _silence(self, server: str) -> Fault:
        """Return the fault that lets no data pass to or from a server."""
        def silence(program: Program) -> Callable[[], None]:
            relay = self._cloud.relays[program][server]
            relay.pause()
            return typing.cast(Callable[[], None], relay.resume)
        silence.__name__ = f'silence the {server} for'
        return silence
