# SPDX-License-Identifier: Apache-2.0
"""The modules threading, time, random and concurrent.futures, simulated.

The scheduler of :func:`use` is behind all of them.
"""

import collections
from concurrent import futures as real_futures
import threading as real_threading
import time as real_time
import types

_STATE = types.SimpleNamespace(scheduler=None)
#: Share of the locks at which another thread may continue.
LOCK_SHARE = 0.1


def use(scheduler):
    """Choose the scheduler of all threads from now on."""
    _STATE.scheduler = scheduler


def current():
    """Return the scheduler."""
    return _STATE.scheduler


class Lock:
    """Lock, which any thread may release."""

    def __init__(self):
        self._is_locked = False
        self._waiters = collections.deque()

    def acquire(self, blocking=True, timeout=-1):
        """Acquire the lock."""
        scheduler = current()
        if scheduler.current is not None and blocking and (
                scheduler.random.random() < LOCK_SHARE):
            scheduler.pause('lock')
        while self._is_locked:
            if not blocking:
                return False
            self._waiters.append(scheduler.current)
            if not scheduler.park(None if timeout < 0 else timeout):
                if timeout >= 0:
                    return False
        self._is_locked = True
        return True

    def release(self):
        """Release the lock."""
        self._is_locked = False
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.is_done and waiter.process.is_alive:
                current().wake(waiter)
                return

    def locked(self):
        """Return whether a thread has the lock."""
        return self._is_locked

    def __enter__(self):
        self.acquire()
        return True

    def __exit__(self, *_error):
        self.release()


class RLock(Lock):
    """Lock that its owner may acquire again."""

    def __init__(self):
        super().__init__()
        self._owner, self._count = None, 0

    def acquire(self, blocking=True, timeout=-1):
        """Acquire the lock."""
        task = current().current
        if self._is_locked and self._owner is task:
            self._count += 1
            return True
        if not super().acquire(blocking, timeout):
            return False
        self._owner, self._count = task, 1
        return True

    def release(self):
        """Release the lock."""
        self._count -= 1
        if self._count <= 0:
            self._owner = None
            super().release()


class Semaphore:
    """Semaphore."""

    def __init__(self, value=1):
        self._value = value
        self._changed = Condition(Lock())

    def acquire(self, blocking=True, timeout=None):
        """Acquire a place."""
        with self._changed:
            while not self._value:
                if not blocking or not self._changed.wait(timeout):
                    return False
            self._value -= 1
            return True

    def release(self):
        """Release a place."""
        with self._changed:
            self._value += 1
            self._changed.notify()


class Condition:
    """Condition variable."""

    def __init__(self, lock=None):
        self._lock = lock or RLock()
        self._waiters = []
        self.acquire, self.release = self._lock.acquire, self._lock.release

    def __enter__(self):
        return self._lock.__enter__()

    def __exit__(self, *error):
        self._lock.__exit__(*error)

    def wait(self, timeout=None):
        """Wait for a notification; return whether there was one."""
        task = current().current
        self._waiters.append(task)
        self.release()
        try:
            return current().park(timeout)
        finally:
            if task in self._waiters:
                self._waiters.remove(task)
            if task.process.is_alive:
                self.acquire()

    def wait_for(self, predicate, timeout=None):
        """Wait until a predicate holds."""
        end = None if timeout is None else current().now + timeout
        while not (result := predicate()):
            if end is None:
                self.wait()
            elif current().now >= end or not self.wait(
                    end - current().now):
                return predicate()
        return result

    def notify(self, n=1):
        """Wake some threads."""
        for waiter in self._waiters[:max(0, n)]:
            self._waiters.remove(waiter)
            current().wake(waiter)

    def notify_all(self):
        """Wake all threads."""
        self.notify(len(self._waiters))


class Event:
    """Event."""

    def __init__(self):
        self._is_set = False
        self._waiters = []

    def is_set(self):
        """Return whether the event has happened."""
        return self._is_set

    def set(self):
        """Wake all threads."""
        self._is_set = True
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            current().wake(waiter)

    def clear(self):
        """Forget the event."""
        self._is_set = False

    def wait(self, timeout=None):
        """Wait for the event."""
        if not self._is_set:
            task = current().current
            self._waiters.append(task)
            current().park(timeout)
            if task in self._waiters:
                self._waiters.remove(task)
        return self._is_set


class Thread:
    """Thread of the process that starts it."""

    def __init__(self, target=None, name='thread', args=(), kwargs=None,
                 daemon=None):
        self._call = lambda: target(*args, **(kwargs or {}))
        self.name = name
        self._task = None

    def start(self):
        """Start the thread."""
        scheduler = current()
        self._task = scheduler.spawn(
            scheduler.current.process, self.name, self._call)

    def is_alive(self):
        """Return whether the thread runs."""
        return self._task is not None and not self._task.is_done

    def join(self, timeout=None):
        """Wait for the end of the thread."""
        if self.is_alive():
            self._task.waiters.append(current().current)
            current().park(timeout)


class Future:
    """Result of a call in a pool."""

    def __init__(self):
        self._done = Event()
        self._value = self._error = None
        self.is_cancelled = False

    def run(self, call, args, kwargs):
        """Set the result to that of a call."""
        try:
            self._value = call(*args, **kwargs)
        except Exception as e:
            self._error = e
        self._done.set()

    def result(self, timeout=None):
        """Return the result."""
        if not self._done.wait(timeout):
            raise real_futures.TimeoutError()
        if self._error is not None:
            raise self._error
        return self._value

    def exception(self, timeout=None):
        """Return the error of the call, or ``None``."""
        if not self._done.wait(timeout):
            raise real_futures.TimeoutError()
        return self._error

    def done(self):
        """Return whether the call has ended."""
        return self._done.is_set()


class ThreadPoolExecutor:
    """Pool of threads."""

    def __init__(self, max_workers=8, thread_name_prefix='pool'):
        self._free = max_workers
        self._name = thread_name_prefix
        self._queue = collections.deque()
        self._futures = []

    def submit(self, call, *args, **kwargs):
        """Run a call in a thread."""
        future = Future()
        self._futures.append(future)
        self._queue.append((future, call, args, kwargs))
        if self._free:
            self._free -= 1
            Thread(self._work, self._name).start()
        return future

    def _work(self):
        while self._queue:
            future, call, args, kwargs = self._queue.popleft()
            future.run(call, args, kwargs)
            if future in self._futures:
                self._futures.remove(future)
        self._free += 1

    def shutdown(self, wait=True, cancel_futures=False):
        """End the pool."""
        if cancel_futures:
            self._queue.clear()
        if wait:
            for future in list(self._futures):
                future.exception()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.shutdown()


def _wait(futures, timeout=None):
    end = None if timeout is None else current().now + timeout
    for future in futures:
        try:
            future.exception(
                None if end is None else max(0, end - current().now))
        except real_futures.TimeoutError:
            break
    done = {future for future in futures if future.done()}
    return done, set(futures) - done


def _random(name):
    return lambda *args: getattr(current().random, name)(*args)


threading = types.SimpleNamespace(**{
    **vars(real_threading), 'Lock': Lock, 'RLock': RLock,
    'Semaphore': Semaphore, 'Condition': Condition, 'Event': Event,
    'Thread': Thread})
futures = types.SimpleNamespace(**{
    **vars(real_futures), 'Future': Future,
    'ThreadPoolExecutor': ThreadPoolExecutor, 'wait': _wait})
time = types.SimpleNamespace(**{
    **vars(real_time),
    'monotonic': lambda: 1000 + current().now,
    'perf_counter': lambda: 1000 + current().now,
    'time': lambda: (current().time() - __import__('datetime').datetime(
        1970, 1, 1)).total_seconds(),
    'sleep': lambda seconds: current().sleep(seconds)})
random = types.SimpleNamespace(
    choice=_random('choice'), shuffle=_random('shuffle'),
    uniform=_random('uniform'), random=_random('random'),
    randrange=_random('randrange'))
