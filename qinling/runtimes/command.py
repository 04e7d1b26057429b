# SPDX-License-Identifier: Apache-2.0
"""Bootstrap for programs: any executable file is a function.

Started by the agent as ``python -I -S -u command.py <fd>``;
``agent_executor.py`` describes the frames of the file descriptor.

For each execution, the program reads a line of JSON from its standard input,
``{"input": ..., "context": {...}}``, and writes a line of JSON to its standard
output: the result.  Standard error is the log.  A program that continues after
its answer receives the next line; a program that exits is started again.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import signal
import struct
import sys
import termios

# Isolated mode omits this directory.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))

from agent_channel import Channel  # noqa: E402
from agent_channel import first_element  # noqa: E402
from agent_channel import split_object  # noqa: E402
import agent_numbers  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any
    from typing import NoReturn

CHUNK_BYTES = 65536  # the capacity of a pipe
MAX_SHOWN_BYTES = 80  # of an invalid answer
COUNT = struct.Struct('i')  # the result of FIONREAD


class Fault(Exception):
    """Error that the user can understand and repair.

    ``reason`` is a value of :class:`qinling.states.ExecutionReason`.
    """

    def __init__(self, sentence: str, reason: str = 'load_error') -> None:
        super().__init__(sentence)
        self.reason = reason


class Ended(Exception):
    """End of a program without an answer.

    :param status: wait status.
    :param untouched: the program did not read its line.
    """

    def __init__(self, status: int, untouched: bool) -> None:
        super().__init__(status)
        self.status = status
        self.untouched = untouched


class Program:
    """Started program.

    :param path: path of the executable.
    :param limit: maximum bytes of an answer to store.
    """

    def __init__(self, path: str, limit: int) -> None:
        self._limit = limit
        self._answer = bytearray()
        self._size = 0  # bytes of the answer, stored or not
        self._extra = b''  # output after the answer
        self._done = False
        self.pid: int | None
        # Our copy of the reading end counts the unread bytes.
        self._unread, self._input = os.pipe()
        self._output, writer = os.pipe()
        try:
            self.pid = os.posix_spawn(
                path, [path], os.environ, file_actions=(
                    (os.POSIX_SPAWN_DUP2, self._unread, 0),
                    (os.POSIX_SPAWN_DUP2, writer, 1)),
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ))
        except OSError:
            self._close(self._unread, self._input, self._output)
            raise
        finally:
            os.close(writer)
        os.set_blocking(self._input, False)
        self._poller = select.poll()
        self._poller.register(self._output, select.POLLIN)
        self._pidfd: int | None
        try:
            # The output does not report every end: children of the program
            # may have the output open.
            self._pidfd = os.pidfd_open(self.pid)
            self._poller.register(self._pidfd, select.POLLIN)
        except (AttributeError, OSError):
            self._pidfd = None

    def is_reusable(self) -> bool:
        """Return whether the program runs, and wrote only its answer."""
        return self._done and not self._poller.poll(0)

    def send_line(self, line: bytes) -> tuple[bytes, int]:
        """Send a line, and return the answer and its size.

        :returns: the answer, truncated to the limit, without line feed.
        :raises Ended: the program ended without an answer.
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
                data = os.read(self._output, CHUNK_BYTES)
                if self._add_answer(data):
                    self._done = not (self._extra or unsent)
                    return bytes(self._answer), self._size
                if not data:
                    return self._read_last(before + len(line) - len(unsent))
            elif self._pidfd in events:
                return self._read_last(before + len(line) - len(unsent))

    def _send(self, data: memoryview) -> memoryview:
        """Send data without waiting, and return the unsent part."""
        try:
            return data[os.write(self._input, data):]
        except BlockingIOError:
            return data

    def _add_answer(self, data: bytes) -> bool:
        """Add to the answer, and return whether the answer is complete."""
        head, end, self._extra = data.partition(b'\n')
        self._size += len(head)
        self._answer += head[:max(0, self._limit - len(self._answer))]
        return bool(end)

    def _read_last(self, buffered: int) -> tuple[bytes, int]:
        """Return the answer of a program that ends.

        :param buffered: bytes sent and perhaps read by the program.
        :raises Ended: the program ended without an answer.
        """
        status = os.waitpid(self.pid or 0, 0)[1]
        self.pid = None
        os.set_blocking(self._output, False)
        complete = False
        try:
            while not complete and (
                    data := os.read(self._output, CHUNK_BYTES)):
                complete = self._add_answer(data)
        except BlockingIOError:
            pass
        if complete or self._size and status == 0:
            return bytes(self._answer), self._size
        raise Ended(status, self._count_unread() == buffered)

    def _count_unread(self) -> int:
        count = bytearray(COUNT.size)
        fcntl.ioctl(self._unread, termios.FIONREAD, count)
        return COUNT.unpack(count)[0]

    def stop(self) -> None:
        """Kill the program, if running, and close its files."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self._close(self._unread, self._input, self._output, self._pidfd)

    @staticmethod
    def _close(*numbers: int | None) -> None:
        for number in numbers:
            if number is not None:
                os.close(number)


class Executor:
    """Handler of the frames of the agent.

    :param settings: the load frame, see ``agent_worker.py``.
    """

    def __init__(self, channel: Channel, settings: dict[str, Any]) -> None:
        self._channel = channel
        self._settings = settings
        self._program: Program | None = None
        os.environ.update(settings['environment'])
        os.chdir(settings['code'])

    def serve(self) -> None:
        """Run executions."""
        self._channel.send('{"import_ms": 0}')
        while True:
            try:
                self._channel.send(self._execute(split_object(
                    self._channel.receive_text().decode())))
            except MemoryError:
                self._channel.send('{"out_of_memory": true}')

    def _execute(self, request: dict[str, str]) -> str:
        """Return the frame with the outcome.

        :param request: the members of the execution frame, as JSON.
        """
        execution_id = request['execution_id']
        try:
            return ('{"execution_id": %s, "status": "success", "output": %s}'
                    % (execution_id, self._find_result(request)))
        except Fault as fault:
            self._stop_program()
            return ('{"execution_id": %s, "status": "failed", "output": %s, '
                    '"traceback": %s, "reason": "%s"}' % (
                        execution_id, json.dumps(str(fault)),
                        json.dumps('%s\n' % fault), fault.reason))

    def _find_result(self, request: dict[str, str]) -> str:
        """Return the JSON text of the answer.

        :raises Fault: the answer is not valid.
        """
        answer, size = self._send_line(create_line(request))
        limit = self._settings['max_result_size']
        if size > limit:
            raise Fault('The result of the function is %d bytes long, the '
                        'limit is %d bytes.' % (size, limit),
                        'output_too_large')
        try:
            text = answer.decode()
            json.loads(text, parse_constant=reject_constant,
                       parse_int=check(agent_numbers.parse_int),
                       parse_float=check(agent_numbers.parse_float))
        except RecursionError:
            raise Fault(self._settings['too_deep'], 'invalid_output') from None
        except ValueError as error:
            begin = answer[:MAX_SHOWN_BYTES].decode('utf-8', 'replace')
            raise Fault('The result of the function, a line that begins with '
                        '%r, is not JSON: %s' % (begin, error),
                        'invalid_output') from None
        return text

    def _send_line(self, line: bytes) -> tuple[bytes, int]:
        """Send a line to a new or running program, see :class:`Program`."""
        if self._program is not None and not self._program.is_reusable():
            self._stop_program()
        is_reused = self._program is not None
        program = self._program = self._program or self._start_program()
        try:
            return program.send_line(line)
        except Ended as ended:
            if not (is_reused and ended.untouched):
                exit_like(ended.status)
        # The program exited after its last answer, without reading the line.
        self._stop_program()
        return self._send_line(line)

    def _stop_program(self) -> None:
        if self._program is not None:
            self._program.stop()
            self._program = None

    def _start_program(self) -> Program:
        path = find_program(self._settings['code'], self._settings['entry'])
        try:
            if not os.access(path, os.X_OK):
                os.chmod(path, 0o755)  # not every ZIP has modes
            return Program(path, self._settings['max_result_size'])
        except BlockingIOError:
            raise Fault(self._settings['out_of_processes'],
                        'out_of_processes') from None
        except OSError as error:
            raise Fault('%s cannot be executed: %s.' % (
                os.path.relpath(path, self._settings['code']),
                explain_error(error))) from None


def create_line(request: dict[str, str]) -> bytes:
    """Return the line for a program.

    :param request: the members of the execution frame, as JSON.
    """
    context = json.loads(request.get('context', '{}'))
    context.pop('os_session', None)
    line = '{"input": %s, "context": %s}\n' % (
        find_input(request), json.dumps(context))
    if '\n' in line[:-1] or '\r' in line:
        # Blanks between values; escapes stand for those in texts.
        line = line[:-1].replace('\n', ' ').replace('\r', ' ') + '\n'
    return line.encode()


def find_input(request: dict[str, str]) -> str:
    """Return the input of the user as JSON: an object, or a text."""
    kwargs = request.get('kwargs', '{}')
    text = first_element(request.get('args', '[]'))
    if text is None:
        return kwargs
    if not split_object(kwargs):
        return text
    return '%s, "__function_input": %s}' % (kwargs[:-1], text)


def find_program(directory: str, entry: str) -> str:
    """Return the path of the program of an entry.

    :param entry: name of a file, or name with an ignored ``.something``.
    :raises Fault: the file does not exist.
    """
    names = [name for name in (entry, entry.rpartition('.')[0]) if name]
    for name in names:
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            return path
    raise Fault('The package has no file %s (entry %s).'
                % (' or '.join(names), entry))


def explain_error(error: OSError) -> str | None:
    """Return why an existing file could not be executed."""
    if error.errno == errno.ENOEXEC:
        return ('it is no program of this kind of machine, and no script with '
                'a first line like #!/bin/sh')
    if error.errno == errno.ENOENT:
        return ('the interpreter in its first line, or the loader that it was '
                'linked with, is not in the runtime')
    return error.strerror


def reject_constant(name: str) -> NoReturn:
    """Raise ``ValueError`` for a constant that is not JSON."""
    raise ValueError('%s is no value of JSON' % name)


def check(parse: Callable[[str], Any]) -> Callable[[str], None]:
    """Return a check of a number in an answer, without a result."""
    def check_number(text: str) -> None:
        try:
            parse(text)
        except agent_numbers.BadNumber as error:
            raise Fault('The number %s in the result of the function %s' % (
                text if len(text) <= 40 else text[:40] + '...', error),
                'invalid_output') from None
    return check_number


def exit_like(status: int) -> NoReturn:
    """Exit with the wait status of the program, for the agent to explain."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def main() -> None:
    """Run the bootstrap."""
    channel = Channel(int(sys.argv[1]))
    channel.send('{}')
    Executor(channel, channel.receive()).serve()


if __name__ == '__main__':
    main()
