# SPDX-License-Identifier: Apache-2.0
"""Faults of the processes and the database server of a cloud."""

from collections.abc import Callable
import random
import signal
import threading
import time
import typing

import deployment

#: Seconds that a fault lasts: longer than the lease of an engine.
FAULT_SECONDS = (2.0, 7.0)
#: Seconds between two faults of a program, and of the database server, whose
#: faults concern all programs.
PAUSE_SECONDS, DATABASE_PAUSE_SECONDS = (0.5, 2.0), (15.0, 30.0)
#: Seconds by which a clock is wrong.
SKEWS = (-3600, -60, -5, 5, 60, 3600)
Program = typing.Any
Fault = Callable[[Program, random.Random], Callable[[], None]]


class Nemesis:
    """Injects faults into engines, APIs and the database at the same time.

    Of each kind, one program at a time has a fault.  ``log`` has a line for
    each fault, ``skipped`` the reasons for faults that are impossible here.
    """

    def __init__(self, cloud: deployment.Deployment, seed: int) -> None:
        self._cloud = cloud
        self._seed = seed
        self._stopped = threading.Event()
        self._started = time.monotonic()
        self.log: list[str] = []
        self.skipped: list[str] = []
        programs, servers = self._list_faults()
        self._threads = [
            threading.Thread(target=self._run, args=arguments, daemon=True)
            for arguments in (
                (cloud.engines, programs, PAUSE_SECONDS),
                (cloud.apis, programs, PAUSE_SECONDS),
                ([cloud.database], servers, DATABASE_PAUSE_SECONDS))]
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

    def _list_faults(self) -> tuple[list[Fault], list[Fault]]:
        """Return the faults of programs, and of the database server."""
        programs = [self._kill, self._freeze, self._restart,
                    self._cut_off('database'), self._cut_off('bus'),
                    self._silence('database'), self._silence('bus'),
                    self._change_the_clock_of]
        servers: list[Fault] = [self._kill_server]
        if self._cloud.database.has_disk:
            servers.append(self._fill_the_disk_of)
        else:
            self.skipped.append('full disk: only root may mount one')
        return programs, servers

    def _run(self, programs: list[Program], faults: list[Fault],
             pause: tuple[float, float]) -> None:
        rng = random.Random(f'{self._seed}/{programs[0].name}')
        faults = list(faults)
        try:
            while not self._stopped.is_set():
                # Each fault once before any fault twice.
                rng.shuffle(faults)
                for fault in faults:
                    self._inject(rng, fault, programs, pause)
        except BaseException as e:
            self._errors.append(e)

    def _inject(self, rng: random.Random, fault: Fault,
                programs: list[Program], pause: tuple[float, float]) -> None:
        if self._stopped.wait(rng.uniform(*pause)):
            return
        number = rng.randrange(len(programs))
        program, duration = programs[number], rng.uniform(*FAULT_SECONDS)
        name = fault.__name__.strip('_').replace('_', ' ')
        self.log.append(
            f'{time.monotonic() - self._started:6.1f} s: {name} '
            f'{program.name} {number + 1} for {duration:.1f} s')
        heal = fault(program, rng)
        self._stopped.wait(duration)
        heal()

    def _kill(self, program: Program, _rng: random.Random
              ) -> Callable[[], None]:
        program.kill()
        return lambda: self._cloud.restart(program)

    def _restart(self, program: Program, _rng: random.Random
                 ) -> Callable[[], None]:
        """Stop a program as an operator does, and start it again."""
        program.stop()
        return lambda: self._cloud.restart(program)

    def _freeze(self, program: Program, _rng: random.Random
                ) -> Callable[[], None]:
        program.process.send_signal(signal.SIGSTOP)
        return lambda: program.process.send_signal(signal.SIGCONT)

    def _change_the_clock_of(self, program: Program, rng: random.Random
                             ) -> Callable[[], None]:
        program.set_clock(rng.choice(SKEWS))
        return lambda: typing.cast(None, program.set_clock(0))

    def _kill_server(self, server: Program, _rng: random.Random
                     ) -> Callable[[], None]:
        server.kill()
        return typing.cast(Callable[[], None], server.start)

    def _fill_the_disk_of(self, server: Program, _rng: random.Random
                          ) -> Callable[[], None]:
        server.fill()
        return typing.cast(Callable[[], None], server.empty)

    def _cut_off(self, server: str) -> Fault:
        """Return the fault that breaks all connections to a server."""
        def cut_off(program: Program, _rng: random.Random
                    ) -> Callable[[], None]:
            relay = self._cloud.relays[program][server]
            relay.stop()
            return typing.cast(Callable[[], None], relay.start)
        cut_off.__name__ = f'cut off the {server} from'
        return cut_off

    def _silence(self, server: str) -> Fault:
        """Return the fault that lets no data pass to or from a server."""
        def silence(program: Program, _rng: random.Random
                    ) -> Callable[[], None]:
            relay = self._cloud.relays[program][server]
            relay.pause()
            return typing.cast(Callable[[], None], relay.resume)
        silence.__name__ = f'silence the {server} for'
        return silence
