# SPDX-License-Identifier: Apache-2.0
"""Processes and threads that take turns in virtual time."""

import datetime
import heapq
import itertools
import random

import greenlet

#: Virtual time at the start: shortly before a fire time of each minute.
START = datetime.datetime(2030, 3, 1, 11, 59, 50)
#: Share of the points at which another thread may continue.
SWITCH_SHARE = 0.35
MAX_STEPS = 60_000
#: Steps that threads may take without a wait of all of them.
MAX_STEPS_AT_ONCE = 20_000


class Crash(BaseException):
    """The process of the thread has ended."""


class Livelock(AssertionError):
    """The threads run without an end."""


class Process:
    """A process with a clock of its own."""

    def __init__(self, name, slot=0):
        self.name = name
        self.slot = slot
        self.skew = datetime.timedelta()
        self.is_alive = True
        self.is_frozen = False
        #: Threads that continue after a freeze.
        self.held = []
        self.tasks = set()
        #: Called after the end of all threads.
        self.on_end = []
        self.counts = {}
        #: Name of the engine in the process.
        self.owner = None


class Task:
    """A thread."""

    def __init__(self, process, name, run, hub):
        self.process = process
        self.name = name
        # The end of a thread continues the hub, not the starter.
        self.greenlet = greenlet.greenlet(run, hub)
        self.token = 0
        self.is_parked = self.is_woken = False
        self.is_done = False
        #: Tasks that wait for the end.
        self.waiters = []


class Scheduler:
    """Runs one thread at a time, in an order that a seed decides.

    :param on_step: called with a process and a label at each point at which
        a process may end or another one continue.
    """

    def __init__(self, seed, trace=None):
        self.random = random.Random(seed)
        self.now = 0.0
        self.trace = trace
        self.steps = 0
        self.on_step = None
        #: Errors that ended a thread.
        self.errors = []
        self.current = None
        self._ready = []
        self._timers = []
        self._numbers = itertools.count()
        self._ending = []
        self._hub = greenlet.getcurrent()
        self._limit = MAX_STEPS_AT_ONCE
        self._processes = set()

    def time(self):
        """Return the time on the clock of the running process."""
        skew = (self.current.process.skew if self.current
                else datetime.timedelta())
        return START + datetime.timedelta(seconds=self.now) + skew

    def log(self, text):
        """Add a line to the trace."""
        if self.trace is not None:
            task = self.current
            place = (f'{task.process.name}/{task.name}' if task else '-')
            self.trace.append(f'{self.now:9.3f} {place}: {text}')

    def spawn(self, process, name, call, *args):
        """Start a thread of a process."""
        def run():
            try:
                task.process.is_alive and call(*args)
            except Crash:
                pass
            except Exception as e:
                self.log(f'died of {e!r}')
                self.fail(process, task.name, e)
            finally:
                task.is_done = True
                process.tasks.discard(task)
                for waiter in task.waiters:
                    self.wake(waiter)
        task = Task(process, name, run, self._hub)
        process.tasks.add(task)
        self._processes.add(process)
        self._ready.append(task)
        return task

    def fail(self, process, name, error):
        """Record an error that ends a thread of a living process."""
        if process.is_alive:
            self.errors.append((name, error))

    def pause(self, label):
        """Let another thread continue, or the process end, at this point."""
        task = self.current
        if task is None:
            return
        self._check(task)
        self.steps += 1
        if self.trace is not None:
            self.log(label)
        if self.on_step is not None:
            self.on_step(task.process, label)
            self._check(task)
        if self.steps > self._limit or (
                self._ready and self.random.random() < SWITCH_SHARE):
            self._ready.append(task)
            self._hub.switch()
            self._check(task)

    def _check(self, task):
        if not task.process.is_alive:
            raise Crash()

    def park(self, timeout=None):
        """Wait until the thread is woken; return whether it was."""
        task = self.current
        if task is None:
            raise AssertionError('Nothing may wait outside of a thread.')
        self._check(task)
        task.token += 1
        task.is_parked, task.is_woken = True, False
        if timeout is not None:
            heapq.heappush(self._timers, (
                self.now + max(0.0, timeout), next(self._numbers), task,
                task.token))
        self._hub.switch()
        self._check(task)
        return task.is_woken

    def wake(self, task):
        """Let a parked thread continue."""
        if task.is_parked and not task.is_done:
            task.is_parked, task.is_woken = False, True
            self._ready.append(task)

    def sleep(self, seconds):
        """Let virtual time pass."""
        self.park(max(0.0, seconds))

    def end(self, process):
        """End a process at once, with all threads."""
        if process.is_alive:
            process.is_alive = False
            self._ending.append(process)

    def freeze(self, process, seconds):
        """Let no thread of a process run for a time."""
        process.is_frozen = True
        self.sleep(seconds)
        self.thaw(process)

    def thaw(self, process):
        """End a freeze."""
        process.is_frozen = False
        self._ready += process.held
        process.held = []

    def run(self, until):
        """Run the threads until a time."""
        while True:
            if self._ending:
                self._end_processes()
            if self._ready:
                self._run_next()
                continue
            if not self._timers or self._timers[0][0] > until:
                return
            self._limit = self.steps + MAX_STEPS_AT_ONCE
            if self.steps > MAX_STEPS:
                raise Livelock(f'{MAX_STEPS} steps without an end')
            self._fire_timers()

    def _run_next(self):
        if self.steps > self._limit:
            raise Livelock(f'{MAX_STEPS_AT_ONCE} steps at the same time')
        place = self.random.randrange(len(self._ready))
        task = self._ready[place]
        self._ready[place] = self._ready[-1]
        self._ready.pop()
        if task.process.is_frozen:
            task.process.held.append(task)
        elif not task.is_done:
            self._switch(task)

    def _switch(self, task):
        self.current = task
        try:
            task.greenlet.switch()
        finally:
            self.current = None

    def _fire_timers(self):
        self.now = max(self.now, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self.now:
            _, _, task, token = heapq.heappop(self._timers)
            if task.is_parked and task.token == token and not task.is_done:
                task.is_parked = False
                self._ready.append(task)

    def _end_processes(self):
        """End the threads; what they clean up reaches nothing outside."""
        while self._ending:
            process = self._ending.pop(0)
            for task in sorted(process.tasks, key=lambda task: task.name):
                self.current = task
                try:
                    task.greenlet.throw(Crash())
                except Crash:
                    pass
                finally:
                    self.current = None
                task.is_done = True
            self._ready = [task for task in self._ready if not task.is_done]
            process.tasks.clear()
            process.held.clear()
            for call in process.on_end:
                call()

    def close(self):
        """End all processes."""
        self.on_step = None
        for process in sorted(self._processes,
                              key=lambda process: process.name):
            self.end(process)
        self._end_processes()
