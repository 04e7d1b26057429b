# SPDX-License-Identifier: Apache-2.0
"""Executor: the process with the function of the user.

Agent and executor exchange frames over a socket: four bytes of length, big
endian, then as many bytes of JSON.  The executor sends ``{}`` when ready, and
receives one load frame.  After the import of the function, the executor sends
``{"import_ms": <number>}``, then a result for each execution frame, after
frames ``{"chunk": <part>}`` if the execution frame has ``"stream": true``.  A
failed import is the result of the first execution.

``{"import_ms": <number>, "forkable": true}`` says that the process may become
a template: the parent of further executors, which need no import.  The frame
``{"fork": true}`` and a byte with descriptors ask a template for an executor.
"""

from __future__ import annotations

import collections
import os
import select
import socket
import struct
import threading
import time

import agent_allowances
import agent_memory
from agent_output import Output
from agent_output import Pipe
import agent_processes
import agent_requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    import agent_parts

HEADER = struct.Struct('>I')
CHUNK_BYTES = 65536  # of a read from the channel
FRAME_OVERHEAD_BYTES = 1 << 19  # of a frame, beside the result
FORK_FRAME = b'{"fork": true}'
QUIET_MS = 5  # in which the output may wait for the result
MAX_BATCH_BYTES = 1 << 15  # of the log: a fuller pipe is read at once
EXIT_SECONDS = 2  # from the end of the channel to the end of the process

RETURNED, DIED, CLOSED, GARBLED, TIMEOUT, IMPORTING, MEMORY, UNREAD = (
    'returned', 'died', 'closed', 'garbled', 'timeout', 'importing', 'memory',
    'unread')  # unread: the process did not read the execution frame

# End of an execution: a cause from above, the frame if it returned, and
# seconds without the import.
Ending = collections.namedtuple('Ending', ('cause', 'frame', 'duration'))


class Broken(Exception):
    """The executor is not usable any more; ``cause`` is from above."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Executor:
    """Started executor, used by a single thread at a time.

    :param tree: process tree of the agent.
    :param source: a program, or an executor that becomes a template.
    """

    def __init__(self, tree: agent_processes.ProcessTree,
                 source: agent_processes.Program | Executor) -> None:
        self._tree = tree
        self._lock = threading.Lock()
        self._alive = True
        self._ready = self._imported = source.is_imported
        self._loaded_at = time.monotonic()
        self.import_ms: float | None = None
        self.is_forkable = False
        self._blocked = False  # the channel is full, a frame is unsent
        self._received = bytearray()
        self._late_output = b''
        self.memory_watch: agent_memory.MemoryWatch | None = None
        self._checks = agent_memory.MemoryChecks(None, 0)
        self._poller, self._reply_poller = select.poll(), select.poll()
        self.cancelled, self.executions = False, 0
        self._allowance: agent_allowances.Allowance | None = None
        self.max_frame = FRAME_OVERHEAD_BYTES
        self._parts: agent_parts.Parts | None = None
        self._channel, remote = socket.socketpair()
        self._channel.setblocking(False)
        self._log = Pipe()
        try:
            with remote, open(os.devnull, 'rb') as stdin:
                self.pid = source.start(
                    (stdin.fileno(), self._log.writer, self._log.writer,
                     remote.fileno()))
        except BaseException:
            self._channel.close()
            self._log.close()
            raise
        agent_memory.prefer_for_kill(self.pid)
        self.peak_meter = agent_memory.PeakMeter(self.pid)
        self._register()

    def _register(self) -> None:
        self._poller.register(self._channel, select.POLLIN)
        self._reply_poller.register(self._channel, select.POLLIN)
        self._poller.register(self._log.reader, select.POLLIN)
        self._pidfd: int | None = None
        try:
            # The channel does not report every death: children of the user
            # may have the channel open.
            self._pidfd = os.pidfd_open(self.pid)
            self._poller.register(self._pidfd, select.POLLIN)
        except (AttributeError, OSError):
            pass  # another system, or an old kernel

    @property
    def is_imported(self) -> bool:
        """Return whether the function is imported."""
        return self._imported

    def start(self, descriptors: Sequence[int]) -> int:
        """Fork the process, which has run no execution; return the pid.

        :raises OSError: the process cannot fork.
        """
        return self._tree.fork(
            self.pid, self._channel,
            HEADER.pack(len(FORK_FRAME)) + FORK_FRAME, descriptors[1:])

    def wait_ready(self, deadline: float) -> None:
        """Wait until the bootstrap is ready.

        :param deadline: monotonic seconds.
        :raises Broken: the bootstrap is not ready in time.
        """
        while not self._ready:
            events = dict(self._poller.poll(_milliseconds_until(deadline)))
            if self._channel.fileno() in events:
                self._receive()
            elif self._pidfd in events or time.monotonic() > deadline:
                raise Broken(DIED)

    def prepare_execution(self) -> bool:
        """Return whether the executor is usable, and restore its log.

        Output of the import belongs to the first execution; later output
        between two executions is marked in the log of the second.
        """
        if not self._ready:
            return True
        events = dict(self._poller.poll(0))
        if self._channel.fileno() in events and not self._imported:
            return self._receive_import()
        if self._channel.fileno() in events or self._pidfd in events:
            return False
        if self._log.reader in events and self.executions:
            self._late_output = self._log.read_all()
        self._log.restore()
        return self._allowance is None or self._allowance.restore()

    def load(self, frame: bytes) -> None:
        """Send the load frame, which fits into the buffer of the socket."""
        self._channel.send(HEADER.pack(len(frame)) + frame)
        self._loaded_at = time.monotonic()

    def take_import_ms(self) -> float | None:
        """Return the milliseconds of the import, once.

        Of an unfinished import, return the milliseconds until now.
        """
        if not self._imported:
            return round((time.monotonic() - self._loaded_at) * 1000, 3)
        milliseconds, self.import_ms = self.import_ms, None
        return milliseconds

    def finish_import(self, timeout: float, output: Output) -> Ending | None:
        """Wait until the function is imported.

        :param timeout: seconds of the import from its start.
        :param output: receives the output.
        :returns: ``None`` after the import.
        """
        if self._imported:
            return None
        try:
            self._wait_imported(timeout, output)
        except Broken as error:
            return Ending(error.cause, None, 0.0)
        finally:
            output.add(self._log.read_all())
        return None

    def run(self, frame: bytes | bytearray, timeout: float, output: Output,
            parts: agent_parts.Parts | None = None) -> Ending:
        """Run an execution.

        :param frame: bytes to send.
        :param timeout: seconds.
        :param output: receives the output.
        :param parts: receives the parts of a streamed result.
        """
        self._parts = parts
        if self._late_output:
            output.add_late(self._late_output)
            self._late_output = b''
        self.executions += 1
        self._allowance = self._allowance or agent_allowances.Allowance(
            self.pid)
        started_at = time.monotonic()
        try:
            cause, reply = RETURNED, self._exchange(
                frame, started_at + timeout, output)
        except Broken as error:
            cause, reply = error.cause, None
        duration = time.monotonic() - started_at
        output.add(self._log.read_all())
        return Ending(cause, reply, duration)

    def _wait_imported(self, timeout: float, output: Output) -> None:
        """Wait until the function is imported.

        :raises Broken: IMPORTING after the timeout, or the executor is broken.
        """
        self._start_checks()
        while not self._imported:
            deadline = self._loaded_at + timeout
            events = self._poll(deadline)
            if self._log.reader in events:
                output.add(self._log.read())
            if self._channel.fileno() in events:
                if self._receive() is not None:
                    raise Broken(GARBLED)
            elif self._pidfd in events:
                raise Broken(DIED)
            elif time.monotonic() >= deadline:
                raise Broken(IMPORTING)

    def _start_checks(self) -> None:
        """Plan the first measurement of memory."""
        self._checks = agent_memory.MemoryChecks(self.memory_watch, self.pid)

    def _poll(self, deadline: float) -> dict[int, int]:
        """Wait for events, and measure the memory at intervals.

        :raises Broken: MEMORY.
        """
        events = dict(self._poller.poll(_milliseconds_until(
            min(deadline, self._checks.at))))
        if self._checks.is_exceeded(deadline, self._imported):
            raise Broken(MEMORY)
        return events

    def _receive_import(self) -> bool:
        """Receive a part of the import frame.

        :returns: whether the executor is usable.
        """
        try:
            return self._receive() is None
        except Broken:
            return False

    def _exchange(self, frame: bytes | bytearray, deadline: float,
                  output: Output) -> bytes:
        channel = self._channel.fileno()
        unsent = self._send(memoryview(HEADER.pack(len(frame)) + frame))
        # A fast function costs one event: its output is read at the end.
        if not unsent and self._reply_poller.poll(
                min(QUIET_MS, _milliseconds_until(deadline))):
            reply = self._receive()
            if reply is not None:
                return reply
        self._start_checks()
        while True:
            events = self._poll(deadline)
            if self._log.reader in events:
                self._read_log(deadline, output)
            if events.get(channel, 0) & select.POLLOUT:
                unsent = self._send(unsent)
            if events.get(channel, 0) & ~select.POLLOUT:
                reply = self._receive()
                if reply is not None:
                    return reply
            elif self._pidfd in events:
                raise Broken(DIED)
            if time.monotonic() >= deadline:
                raise Broken(TIMEOUT)

    def _read_log(self, deadline: float, output: Output) -> None:
        """Read output; many lines wait in the pipe, and cost one event."""
        data = self._log.read()
        output.add(data)
        if len(data) < MAX_BATCH_BYTES:
            self._reply_poller.poll(min(QUIET_MS, _milliseconds_until(
                min(deadline, self._checks.at))))

    def _send(self, data: memoryview) -> memoryview:
        """Send data without waiting, and return the unsent part."""
        try:
            data = data[self._channel.send(data):]
        except BlockingIOError:
            pass
        except OSError:
            raise Broken(UNREAD) from None
        if bool(data) != self._blocked:
            self._blocked = bool(data)
            self._poller.modify(self._channel, select.POLLIN
                                | (select.POLLOUT if data else 0))
        return data

    def _receive(self) -> bytes | None:
        """Return the next complete result, if any."""
        try:
            data = self._channel.recv(CHUNK_BYTES)
        except ConnectionResetError:
            raise Broken(UNREAD) from None
        except OSError:
            data = b''
        if not data:
            raise Broken(self._find_close_cause())
        self._received += data
        frame = self._next_frame()
        if frame is not None and not self._ready:
            self._ready = True
            self._loaded_at = time.monotonic()
            frame = self._next_frame()
        if frame is not None and not self._imported:
            self._take_import(frame)
            self._imported = True
            if self.memory_watch is not None:
                self.memory_watch.set_soft_limit(self.pid, lower=True)
            frame = self._next_frame()
        while frame and self._parts and self._parts.take(frame):
            frame = self._next_frame()
        if frame is not None and self._received:
            raise Broken(GARBLED)
        return frame

    def _take_import(self, frame: bytes) -> None:
        try:
            self.import_ms, self.is_forkable = agent_requests.parse_import(
                frame)
        except ValueError:
            raise Broken(GARBLED) from None

    def _next_frame(self) -> bytes | None:
        if len(self._received) < HEADER.size:
            return None
        size, = HEADER.unpack_from(self._received)
        if size > self.max_frame:
            raise Broken(GARBLED)
        end = HEADER.size + size
        if len(self._received) < end:
            return None
        frame = bytes(self._received[HEADER.size:end])
        del self._received[:end]
        return frame

    def _find_close_cause(self) -> str:
        """Return whether a death or the user closed the channel."""
        if self._pidfd is None:
            return DIED
        poller = select.poll()
        poller.register(self._pidfd, select.POLLIN)
        return DIED if poller.poll(EXIT_SECONDS * 1000) else CLOSED

    def cancel(self) -> None:
        """Kill the process, from any thread."""
        with self._lock:
            if self._alive:
                self.cancelled = True
                agent_processes.kill_group(self.pid)

    def destroy(self, output: Output) -> int:
        """Kill the process, its group and its orphans.

        :param output: receives the rest of the log.
        :returns: the wait status.
        """
        with self._lock:
            self._alive = False
            status = self._tree.destroy(self.pid)
        self._tree.kill_orphans()
        output.add(self._log.read_all())
        self._log.close()
        self._channel.close()
        self.peak_meter.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
        return status


def _milliseconds_until(deadline: float) -> int:
    """Return milliseconds for poll until a monotonic time, rounded up."""
    return max(0, int((deadline - time.monotonic()) * 1000) + 1)
