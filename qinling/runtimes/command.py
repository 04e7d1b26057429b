# SPDX-License-Identifier: Apache-2.0
"""The bootstrap for programs: whatever can be executed is a function.

Started by the agent as ``python -I -S -u command.py <fd>``; see
``agent_executor.py`` for the frames that go over that file descriptor.

The program gets one line of JSON on its standard input for each execution,
``{"input": ..., "context": {...}}``, and answers with one line of JSON on its
standard output: the result.  Its standard error is the log.  One that goes on
after its answer gets the next line; one that ends is started again.
"""

import errno
import fcntl
import json
import mmap
import os
import select
import signal
import struct
import sys
import termios

# Isolated mode leaves our own directory out.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))

from agent_channel import Channel  # noqa: E402

CHUNK = 65536  # bytes, what a pipe holds
MAX_SHOWN = 80  # bytes of an answer that is wrong
# Bytes that a program may map beyond its memory: what Go reserves and hardly
# uses.  What is used is bounded by control groups, where there are any.
RESERVED = 64 << 20
COUNT = struct.Struct('i')  # what FIONREAD fills in


class Fault(Exception):
    """What the user can understand and change."""


class Ended(Exception):
    """The program ended without an answer: ``status`` as of wait, and
    ``untouched`` if it has not read any of its line."""

    def __init__(self, status, untouched):
        super().__init__(status)
        self.status = status
        self.untouched = untouched


class Program:
    """A started program.

    :param path: of the executable.
    :param limit: bytes of an answer that are kept.
    """

    def __init__(self, path, limit):
        self._limit = limit
        self._answer = bytearray()
        self._size = 0  # bytes of the answer, kept or not
        self._extra = b''  # what came after it
        self._done = False
        # Our copy of its end of the input tells what it did not read.
        self._unread, self._input = os.pipe()
        self._output, theirs = os.pipe()
        try:
            self.pid = os.posix_spawn(
                path, [path], os.environ, file_actions=(
                    (os.POSIX_SPAWN_DUP2, self._unread, 0),
                    (os.POSIX_SPAWN_DUP2, theirs, 1)),
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ))
        except OSError:
            self._close(self._unread, self._input, self._output)
            raise
        finally:
            os.close(theirs)
        os.set_blocking(self._input, False)
        self._poller = select.poll()
        self._poller.register(self._output, select.POLLIN)
        try:
            # The output alone does not tell of the end: a child of the
            # program may have it, too.
            self._death = os.pidfd_open(self.pid)
            self._poller.register(self._death, select.POLLIN)
        except (AttributeError, OSError):
            self._death = None

    def usable(self):
        """Whether it goes on, and has read its line and said no more than
        its answer."""
        return self._done and not self._poller.poll(0)

    def ask(self, line):
        """Its answer to a line, without the line feed, and the size of that;
        an answer that is too long is not whole.

        :raises Ended: there is none.
        """
        self._answer.clear()
        self._size = 0
        before = self._count_unread()
        unsent = self._send(memoryview(line))
        while True:
            if unsent:
                self._poller.register(self._input, select.POLLOUT)
            events = dict(self._poller.poll())
            if unsent:
                self._poller.unregister(self._input)
                if self._input in events:
                    unsent = self._send(unsent)
            if self._output in events:
                data = os.read(self._output, CHUNK)
                if self._take(data):
                    self._done = not (self._extra or unsent)
                    return bytes(self._answer), self._size
                if not data:
                    return self._last(before + len(line) - len(unsent))
            elif self._death in events:
                return self._last(before + len(line) - len(unsent))

    def _send(self, data):
        try:
            return data[os.write(self._input, data):]
        except BlockingIOError:
            return data

    def _take(self, data):
        """Add to the answer; tells whether it is complete."""
        head, end, self._extra = data.partition(b'\n')
        self._size += len(head)
        self._answer += head[:max(0, self._limit - len(self._answer))]
        return bool(end)

    def _last(self, sent):
        """The answer of a program that ends, to which ``sent`` bytes were
        sent and which may have read some of them."""
        status = os.waitpid(self.pid, 0)[1]
        self.pid = None
        os.set_blocking(self._output, False)
        complete = False
        try:
            while not complete and (data := os.read(self._output, CHUNK)):
                complete = self._take(data)
        except BlockingIOError:
            pass
        if complete or self._size and status == 0:
            return bytes(self._answer), self._size
        raise Ended(status, self._count_unread() == sent)

    def _count_unread(self):
        count = bytearray(COUNT.size)
        fcntl.ioctl(self._unread, termios.FIONREAD, count)
        return COUNT.unpack(count)[0]

    def end(self):
        """End it, if it has not done that itself."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self._close(self._unread, self._input, self._output, self._death)

    @staticmethod
    def _close(*numbers):
        for number in numbers:
            if number is not None:
                os.close(number)


class Executor:
    """Answers the frames of the agent.

    :param channel: an :class:`agent_channel.Channel`.
    :param settings: the load frame, see ``agent_worker.py``.
    """

    def __init__(self, channel, settings):
        self._channel = channel
        self._settings = settings
        self._program = None
        os.environ.update(settings['environment'])
        os.chdir(settings['code'])

    def serve(self):
        """Execute the program for ever."""
        while True:
            try:
                request = self._channel.receive()
                self._channel.send(self._execute(request))
            except MemoryError:
                # The input is too large; end like any other such process.
                os.kill(os.getpid(), signal.SIGKILL)

    def _execute(self, request):
        execution_id = json.dumps(request['execution_id'])
        try:
            return ('{"execution_id": %s, "status": "success", "output": %s}'
                    % (execution_id, self._result(request)))
        except Fault as fault:
            if self._program is not None:
                self._program.end()
                self._program = None
            return ('{"execution_id": %s, "status": "failed", "output": %s, '
                    '"traceback": %s}' % (
                        execution_id, json.dumps(str(fault)),
                        json.dumps('%s\n' % fault)))

    def _result(self, request):
        """The JSON text of the program's answer."""
        context = request.get('context') or {}
        context.pop('os_session', None)
        line = json.dumps({'input': make_input(request), 'context': context})
        answer, size = self._ask(line.encode() + b'\n')
        limit = self._settings['max_result_size']
        if size > limit:
            raise Fault('The result of the function is %d bytes long, the '
                        'limit is %d bytes.' % (size, limit))
        try:
            text = answer.decode()
            json.loads(text, parse_constant=refuse_constant)
        except (ValueError, RecursionError) as error:
            begin = answer[:MAX_SHOWN].decode('utf-8', 'replace')
            raise Fault('The result of the function, a line that begins with '
                        '%r, is not JSON: %s' % (begin, error)) from None
        return text

    def _ask(self, line):
        if self._program is not None and not self._program.usable():
            self._program.end()
            self._program = None
        kept = self._program is not None
        if not kept:
            self._program = self._start()
        try:
            return self._program.ask(line)
        except Ended as ended:
            if not (kept and ended.untouched):
                end_like(ended.status)
        # It was about to end after its last answer, and has not seen this
        # line.
        self._program.end()
        self._program = None
        return self._ask(line)

    def _start(self):
        path = find(self._settings['code'], self._settings['entry'])
        try:
            if not os.access(path, os.X_OK):
                os.chmod(path, 0o755)  # not every ZIP tells
            return Program(path, self._settings['max_result_size'])
        except BlockingIOError:
            raise Fault(self._settings['out_of_processes']) from None
        except OSError as error:
            raise Fault('%s cannot be executed: %s.' % (
                os.path.relpath(path, self._settings['code']),
                reason(error))) from None


def make_input(request):
    """What the user sent: an object, or else a text."""
    args, kwargs = request.get('args') or [], request.get('kwargs') or {}
    if not args:
        return kwargs
    return dict(kwargs, __function_input=args[0]) if kwargs else args[0]


def find(directory, entry):
    """The path of the program that an entry names: a file of the package, or
    one with ``.something`` after its name.

    :raises Fault: there is none.
    """
    names = [each for each in (entry, entry.rpartition('.')[0]) if each]
    for name in names:
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            return path
    raise Fault('The package has no file %s (entry %s).'
                % (' or '.join(names), entry))


def reason(error):
    """Why a file that is there was not executed."""
    if error.errno == errno.ENOEXEC:
        return ('it is no program of this kind of machine, and no script with '
                'a first line like #!/bin/sh')
    if error.errno == errno.ENOENT:
        return ('the interpreter in its first line, or the loader that it was '
                'linked with, is not in the runtime')
    return error.strerror


def refuse_constant(name):
    raise ValueError('%s is no value of JSON' % name)


def end_like(status):
    """End as the program did: what that means, the agent says."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def main():
    channel = Channel(int(sys.argv[1]))
    # The agent looks at our memory now: that much and what the function has
    # is what a program may map.
    with mmap.mmap(-1, RESERVED,
                   flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS):
        channel.send('{}')
        settings = channel.receive()
    Executor(channel, settings).serve()


if __name__ == '__main__':
    main()
