# SPDX-License-Identifier: Apache-2.0
"""Failures of functions in Python: sentence, reason and traceback."""

from __future__ import annotations

import errno
import os
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

MAX_TEXT_LENGTH = 1 << 15  # of a sentence or a traceback
DEFAULT_STACK_BYTES = 8 << 20  # of a thread, if stacks are unlimited
DIRECTORY = os.path.dirname(os.path.abspath(__file__)) + '/'
# A class of the user may replace the property.
get_traceback: Any = BaseException.__dict__['__traceback__'].__get__


class Fault(Exception):
    """Error with a sentence that replaces the traceback.

    ``reason`` is a value of :class:`qinling.states.ExecutionReason`.
    """

    def __init__(self, sentence: str, reason: str = 'load_error') -> None:
        super().__init__(sentence)
        self.reason = reason


class Failures:
    """Explainer of exceptions.

    :param settings: the load frame, see ``agent_worker.py``.
    :param library: :class:`python_library.StandardLibrary`.
    """

    def __init__(self, settings: dict[str, Any], library: Any) -> None:
        self._settings = settings
        self._library = library

    def explain(self, error: BaseException, is_loaded: bool
                ) -> dict[str, Any]:
        """Return the result fields of an error.

        :param is_loaded: the function has been imported.
        :returns: ``output``, ``reason``, ``traceback``, and ``retire`` to
            replace this process.
        """
        # Exceptions of the user may have any methods and properties.
        kind = type(error)
        if issubclass(kind, MemoryError):
            clear_frames(get_traceback(error))
            return {'output': self._settings['out_of_memory'],
                    'reason': 'out_of_memory',
                    'traceback': self._format_traceback(error),
                    'retire': True}
        if kind is Fault:
            reason: str = error.reason  # type: ignore[attr-defined]
        else:
            reason = 'user_error' if is_loaded else 'load_error'
        fields: dict[str, Any] = {
            'output': describe_error(error), 'reason': reason,
            'traceback': self._format_traceback(error)}
        if lacks_processes(error):
            # A thread needs memory for its stack as well.
            fields['reason'] = ('out_of_memory' if lacks_stack_memory()
                                else 'out_of_processes')
            fields['output'] = self._settings[fields['reason']]
            fields['retire'] = True
        return fields

    def _format_traceback(self, error: BaseException) -> str:
        """Return the traceback without frames of this program."""
        if type(error) is Fault:
            if error.__cause__ is None:
                return '%s\n' % error
            error = error.__cause__
        try:
            with self._library:
                lines = traceback.format_exception(
                    type(error), error, skip_own_frames(
                        get_traceback(error), self._settings['code']))
            return ''.join(lines)[-MAX_TEXT_LENGTH:]
        except BaseException:
            return ''  # out of memory, or str() of the exception fails


def describe_error(error: BaseException) -> str:
    """Return the sentence of an exception."""
    kind = type(error)
    if issubclass(kind, KeyboardInterrupt):
        return 'Function execution failed: KeyboardInterrupt was raised.'
    try:
        text = str.__str__(str(error))  # without methods of a subclass
        if issubclass(kind, SystemExit):
            text = ('Function execution failed: the function ended the '
                    'interpreter (SystemExit: %s).' % text)
        text = text or str.__str__(repr(error))
    except BaseException:
        return kind.__name__
    if len(text) > MAX_TEXT_LENGTH:
        text = text[:MAX_TEXT_LENGTH] + '...'
    return text


def lacks_processes(error: BaseException) -> bool:
    """Return whether the limit of processes caused an exception."""
    if type(error) is RuntimeError:
        return str(error) == "can't start new thread"
    if type(error) is not BlockingIOError or error.errno != errno.EAGAIN:
        return False
    # Reads from an empty pipe raise the same error; only a fork has "fork" or
    # "spawn" in the names of the innermost function.
    frame: Any = get_traceback(error)
    while frame.tb_next is not None:
        frame = frame.tb_next
    return any('fork' in name or 'spawn' in name
               for name in frame.tb_frame.f_code.co_names)


def lacks_stack_memory() -> bool:
    """Return whether the memory limit leaves no room for a stack."""
    limit = find_number('/proc/self/limits', b'Max data size')
    stack = find_number('/proc/self/limits', b'Max stack size')
    used = find_number('/proc/self/status', b'VmData:')
    return 0 < limit < used * 1024 + (stack or DEFAULT_STACK_BYTES)


def find_number(path: str, label: bytes) -> int:
    """Return the number after a label in a file, 0 without a number."""
    for line in read_file(path).splitlines():
        if line.startswith(label):
            words = line[len(label):].split()
            return int(words[0]) if words and words[0].isdigit() else 0
    return 0


def skip_own_frames(frame: TracebackType | None, directory: str
                    ) -> TracebackType | None:
    """Return the part of a traceback that starts in the code of the user.

    :param directory: path of the code.
    :returns: without a frame of the user, the part after this program.
    """
    foreign = frame
    while (foreign is not None
           and foreign.tb_frame.f_code.co_filename.startswith(DIRECTORY)):
        foreign = foreign.tb_next
    user = foreign
    while user is not None and not user.tb_frame.f_code.co_filename \
            .startswith(directory + '/'):
        user = user.tb_next
    return user or foreign


def clear_frames(frame: TracebackType | None) -> None:
    """Release the variables in the frames of a traceback."""
    while frame is not None:
        try:
            frame.tb_frame.clear()
        except RuntimeError:
            pass  # a running frame of this program
        frame = frame.tb_next


def explain_syntax_error(error: SyntaxError | ValueError, directory: str
                         ) -> str:
    """Return the place and cause of a syntax error.

    :param directory: path of the code, omitted from paths.
    """
    path = getattr(error, 'filename', None) or ''
    line, remark = getattr(error, 'lineno', None), ''
    if not path or not line:
        path, line = find_null(path, directory)
    if path.startswith(directory + '/'):
        path = path[len(directory) + 1:]
    if not is_text(os.path.join(directory, path)):
        remark = ' (the file is not text in UTF-8)'
    return '%s in %s, line %s: %s%s' % (
        type(error).__name__, path, line, getattr(error, 'msg', error),
        remark)


def find_null(path: str, directory: str) -> tuple[str, int]:
    """Return path and line of a source with NUL, which Python does not name.

    :param path: path of the source, if known.
    :param directory: path of the code.
    """
    paths = [path] if path else [
        os.path.join(parent, name)
        for parent, _directories, names in os.walk(directory)
        for name in names if name.endswith('.py')]
    for path in paths:
        data = read_file(path)
        if b'\0' in data:
            return path, data.count(b'\n', 0, data.index(b'\0')) + 1
    return path, 1


def read_file(path: str) -> bytes:
    """Return the content of a file, empty if the file is not readable."""
    try:
        with open(path, 'rb') as file:
            return file.read()
    except OSError:
        return b''


def is_text(path: str) -> bool:
    """Return whether a file is text in UTF-8."""
    data = read_file(path)
    try:
        data.decode()
    except UnicodeDecodeError:
        return b'coding' in data.partition(b'\n')[0]
    return b'\0' not in data


def is_bad_source(error: BaseException) -> bool:
    """Return whether an import failed since a file is not source code."""
    if isinstance(error, SyntaxError):
        return True
    # Python 3.11.3 and older.
    return (isinstance(error, ValueError)
            and str(error).startswith('source code'))
