# SPDX-License-Identifier: Apache-2.0
"""Executor: the process with the function of the user.

Agent and executor exchange frames over a socket: four bytes of length, big
endian, then as many bytes of JSON.  The executor sends ``{}`` when ready,
receives one load frame, then an execution frame for each result.
"""

from __future__ import annotations

import collections
import os
import select
import socket
import struct
import threading
import time

import agent_processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER = struct.Struct('>I')
CHUNK_BYTES = 65536  # the capacity of a pipe
FRAME_OVERHEAD_BYTES = 1 << 19  # of a frame, beside the result
CHANNEL = 3  # file descriptor of the socket in the executor
TAIL_BYTES = 1 << 14  # V8 prints a stack trace after its error
EXIT_SECONDS = 2  # from the end of the channel to the end of the process

RETURNED, DIED, CLOSED, GARBLED, TIMEOUT = (
    'returned', 'died', 'closed', 'garbled', 'timeout')

# End of an execution: a cause from above, and the frame if it returned.
Ending = collections.namedtuple('Ending', ('cause', 'frame'))


class Broken(Exception):
    """The executor is not usable any more; ``cause`` is from above."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Output:
    """Output of an execution.

    :param limit: maximum number of bytes; ``tail`` has the last bytes in any
        case.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()
        self._dropped_bytes = 0
        self.tail = b''

    def add(self, data: bytes) -> None:
        """Add output, up to the limit."""
        self.tail = (self.tail + data)[-TAIL_BYTES:]
        room = self._limit - len(self._data)
        self._data += data[:room]
        self._dropped_bytes += max(0, len(data) - room)

    def text(self) -> str:
        """Return the output, with a note about dropped bytes."""
        text = self._data.decode('utf-8', 'replace')
        if self._dropped_bytes:
            text = ('%s\n[%d bytes of output were dropped: the log is limited '
                    'to %d bytes]\n'
                    % (text, self._dropped_bytes, self._limit))
        return text


class Executor:
    """Started executor, used by a single thread at a time.

    :param tree: process tree of the agent.
    :param command: command of the bootstrap, without the channel number.
    """

    def __init__(self, tree: agent_processes.ProcessTree, command: list[str],
                 environment: Mapping[str, str]) -> None:
        self._tree = tree
        self._lock = threading.Lock()
        self._alive = True
        self._ready = False
        self._blocked = False  # the channel is full, a frame is unsent
        self._received = bytearray()
        self._poller = select.poll()
        self._pidfd: int | None = None
        self.cancelled = False
        self.executions = 0
        self.max_frame = FRAME_OVERHEAD_BYTES
        self._channel, remote = socket.socketpair()
        self._channel.setblocking(False)
        # The agent keeps the writing end open, so the pipe never reports an
        # end of file, even if the user closes all descriptors.
        self._log, self._log_writer = os.pipe()
        os.set_blocking(self._log, False)
        with remote, open(os.devnull, 'rb') as stdin:
            self.pid = tree.spawn(
                command + [str(CHANNEL)], environment,
                (stdin.fileno(), self._log_writer, self._log_writer,
                 remote.fileno()))
        self._register()

    def _register(self) -> None:
        self._poller.register(self._channel, select.POLLIN)
        self._poller.register(self._log, select.POLLIN)
        try:
            # The channel does not report every death: children of the user
            # may have the channel open.
            self._pidfd = os.pidfd_open(self.pid)
            self._poller.register(self._pidfd, select.POLLIN)
        except (AttributeError, OSError):
            self._pidfd = None

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
        """Return whether the executor is usable, and clear its log.

        Output between two executions belongs to neither execution and is
        dropped; output of the import belongs to the first execution.
        """
        if not self._ready:
            return True
        events = dict(self._poller.poll(0))
        if self._channel.fileno() in events or self._pidfd in events:
            return False
        if self._log in events and self.executions:
            self.drain_log(Output(0))
        return True

    def send(self, frame: bytes) -> None:
        """Send a frame that fits into the buffer of the socket."""
        self._channel.send(HEADER.pack(len(frame)) + frame)

    def run(self, frame: bytes | bytearray, deadline: float, output: Output
            ) -> Ending:
        """Run an execution.

        :param frame: bytes to send.
        :param deadline: monotonic seconds.
        :param output: receives the output.
        """
        self.executions += 1
        try:
            return Ending(RETURNED, self._exchange(frame, deadline, output))
        except Broken as error:
            return Ending(error.cause, None)
        finally:
            self.drain_log(output)

    def _exchange(self, frame: bytes | bytearray, deadline: float,
                  output: Output) -> bytes:
        channel = self._channel.fileno()
        unsent = self._send(memoryview(HEADER.pack(len(frame)) + frame))
        while True:
            events = dict(self._poller.poll(_milliseconds_until(deadline)))
            if self._log in events:
                self._read_log(output)
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

    def _send(self, data: memoryview) -> memoryview:
        """Send data without waiting, and return the unsent part."""
        try:
            data = data[self._channel.send(data):]
        except BlockingIOError:
            pass
        except OSError:
            raise Broken(self._find_close_cause()) from None
        if bool(data) != self._blocked:
            self._blocked = bool(data)
            self._poller.modify(self._channel, select.POLLIN
                                | (select.POLLOUT if data else 0))
        return data

    def _receive(self) -> bytes | None:
        """Return the next complete frame, if any, except the first frame."""
        try:
            data = self._channel.recv(CHUNK_BYTES)
        except OSError:
            data = b''
        if not data:
            raise Broken(self._find_close_cause())
        self._received += data
        frame = self._next_frame()
        if frame is not None and not self._ready:
            self._ready = True
            frame = self._next_frame()
        if frame is not None and self._received:
            raise Broken(GARBLED)
        return frame

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

    def drain_log(self, output: Output) -> None:
        """Move the content of the log pipe to the output, without waiting.

        The number of reads is bounded, since other processes may write.
        """
        for _round in range(16):
            if self._read_log(output) < CHUNK_BYTES:
                return

    def _read_log(self, output: Output) -> int:
        """Read from the log pipe, and return the number of bytes."""
        try:
            data = os.read(self._log, CHUNK_BYTES)
        except BlockingIOError:
            return 0
        output.add(data)
        return len(data)

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
        self.drain_log(output)
        self._channel.close()
        for number in (self._log, self._log_writer, self._pidfd):
            if number is not None:
                os.close(number)
        return status


def _milliseconds_until(deadline: float) -> int:
    """Return milliseconds for poll until a monotonic time, rounded up."""
    return max(0, int((deadline - time.monotonic()) * 1000) + 1)
