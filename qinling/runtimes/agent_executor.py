# SPDX-License-Identifier: Apache-2.0
"""One executor: the process in which the user's function is loaded.

The agent and the executor exchange frames over a socket: four bytes of
length, big endian, then that many bytes of JSON.  The executor says hello
with ``{}``, gets one load frame, then an execution frame for each result.
"""

import collections
import os
import select
import socket
import struct
import threading
import time

import agent_processes

HEADER = struct.Struct('>I')
CHUNK = 65536  # what a pipe holds: one read empties it
FRAME_SLACK = 1 << 19  # bytes that a frame may have beside the result
CHANNEL = 3  # the file descriptor of the socket in the executor
END = 1 << 14  # bytes: a stack trace of V8 follows its last words
CLOSING = 2  # seconds that a dying process may need after its last word

RETURNED, DIED, CLOSED, GARBLED, TIMEOUT = (
    'returned', 'died', 'closed', 'garbled', 'timeout')

# How an execution ended: one of the above, and the frame if it returned.
Ending = collections.namedtuple('Ending', ('how', 'frame'))


class Broken(Exception):
    """The executor cannot be used any more; ``how`` it ended."""

    def __init__(self, how):
        super().__init__(how)
        self.how = how


class Output:
    """What an execution prints, up to ``limit`` bytes; ``end`` are the last
    ones in any case."""

    def __init__(self, limit):
        self._limit = limit
        self._kept = bytearray()
        self._dropped = 0
        self.end = b''

    def add(self, data):
        self.end = (self.end + data)[-END:]
        room = self._limit - len(self._kept)
        self._kept += data[:room]
        self._dropped += max(0, len(data) - room)

    def text(self):
        """The output, with a line that says so if it was cut."""
        text = self._kept.decode('utf-8', 'replace')
        if self._dropped:
            text = ('%s\n[%d bytes of output were dropped: the log is limited '
                    'to %d bytes]\n' % (text, self._dropped, self._limit))
        return text


class Executor:
    """A started executor, used by one thread at a time.

    :param family: the :class:`agent_processes.Family` to start it in.
    :param command: the bootstrap, which gets the number of its channel as
        last argument.
    """

    def __init__(self, family, command, environment):
        self._family = family
        self._lock = threading.Lock()
        self._alive = True
        self._greeted = False
        self._blocked = False  # the channel is full, a frame is unsent
        self._received = bytearray()
        self.cancelled = False
        self.executions = 0
        self.max_frame = FRAME_SLACK
        self._channel, theirs = socket.socketpair()
        self._channel.setblocking(False)
        # Our copy of the writing end stays open, so that the pipe never
        # reports an end of file, whatever the user closes.
        self._log, self._log_end = os.pipe()
        os.set_blocking(self._log, False)
        with theirs, open(os.devnull, 'rb') as nothing:
            self.pid = family.spawn(
                command + [str(CHANNEL)], environment,
                (nothing.fileno(), self._log_end, self._log_end,
                 theirs.fileno()))
        self._watch()

    def _watch(self):
        self._poller = select.poll()
        self._poller.register(self._channel, select.POLLIN)
        self._poller.register(self._log, select.POLLIN)
        try:
            # The channel alone does not tell of a death: a child that the
            # user forked has it open, too.
            self._death = os.pidfd_open(self.pid)
            self._poller.register(self._death, select.POLLIN)
        except (AttributeError, OSError):
            self._death = None

    def greet(self, deadline):
        """Wait until the bootstrap is up.

        :raises Broken: it is not.
        """
        while not self._greeted:
            events = dict(self._poller.poll(until(deadline)))
            if self._channel.fileno() in events:
                self._receive()
            elif self._death in events or time.monotonic() > deadline:
                raise Broken(DIED)

    def usable(self):
        """Make ready for another execution; tells whether that is possible.

        What was printed since the last one belongs to none and is dropped;
        what the import printed belongs to the first.
        """
        if not self._greeted:
            return True
        events = dict(self._poller.poll(0))
        if self._channel.fileno() in events or self._death in events:
            return False
        if self._log in events and self.executions:
            self.collect(Output(0))
        return True

    def send(self, frame):
        """Send a frame that is small enough to go out at once."""
        self._channel.send(HEADER.pack(len(frame)) + frame)

    def run(self, frame, deadline, output):
        """Have one execution done; returns its :class:`Ending`.

        :param frame: the bytes to send.
        :param deadline: monotonic seconds.
        :param output: an :class:`Output` that gets what is printed.
        """
        self.executions += 1
        try:
            return Ending(RETURNED, self._converse(frame, deadline, output))
        except Broken as error:
            return Ending(error.how, None)
        finally:
            self.collect(output)

    def _converse(self, frame, deadline, output):
        channel = self._channel.fileno()
        unsent = self._send(memoryview(HEADER.pack(len(frame)) + frame))
        while True:
            events = dict(self._poller.poll(until(deadline)))
            if self._log in events:
                self._collect_once(output)
            if events.get(channel, 0) & select.POLLOUT:
                unsent = self._send(unsent)
            if events.get(channel, 0) & ~select.POLLOUT:
                reply = self._receive()
                if reply is not None:
                    return reply
            elif self._death in events:
                raise Broken(DIED)
            if time.monotonic() >= deadline:
                raise Broken(TIMEOUT)

    def _send(self, data):
        try:
            data = data[self._channel.send(data):]
        except BlockingIOError:
            pass
        except OSError:
            raise Broken(self._why_silent()) from None
        if bool(data) != self._blocked:
            self._blocked = bool(data)
            self._poller.modify(self._channel, select.POLLIN
                                | (select.POLLOUT if data else 0))
        return data

    def _receive(self):
        """The next whole frame, if it is there; the hello is swallowed."""
        try:
            data = self._channel.recv(CHUNK)
        except OSError:
            data = b''
        if not data:
            raise Broken(self._why_silent())
        self._received += data
        frame = self._next_frame()
        if frame is not None and not self._greeted:
            self._greeted = True
            frame = self._next_frame()
        if frame is not None and self._received:
            raise Broken(GARBLED)
        return frame

    def _next_frame(self):
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

    def _why_silent(self):
        """Whether the channel was closed by a death or by the user."""
        if self._death is None:
            return DIED
        poller = select.poll()
        poller.register(self._death, select.POLLIN)
        return DIED if poller.poll(CLOSING * 1000) else CLOSED

    def collect(self, output):
        """Move what the pipe holds to ``output``, without waiting; bounded,
        for others may go on writing."""
        for _round in range(16):
            if self._collect_once(output) < CHUNK:
                return

    def _collect_once(self, output):
        try:
            data = os.read(self._log, CHUNK)
        except BlockingIOError:
            return 0
        output.add(data)
        return len(data)

    def cancel(self):
        """Kill the process, from whatever thread."""
        with self._lock:
            if self._alive:
                self.cancelled = True
                agent_processes.kill_group(self.pid)

    def destroy(self, output):
        """End the process, its group and what it left; returns its wait
        status.  ``output`` gets its last words."""
        with self._lock:
            self._alive = False
            status = self._family.bury(self.pid)
        self._family.sweep()
        self.collect(output)
        self._channel.close()
        for number in (self._log, self._log_end, self._death):
            if number is not None:
                os.close(number)
        return status


def until(deadline):
    """Milliseconds for poll until a monotonic time, never too few."""
    return max(0, int((deadline - time.monotonic()) * 1000) + 1)
