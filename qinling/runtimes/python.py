# SPDX-License-Identifier: Apache-2.0
"""Bootstrap for Python: loads the function of the user, then calls it.

Started by the agent as ``python -I -S -u python.py <fd>``;
``agent_executor.py`` describes the frames of the file descriptor.  Expensive
modules (asyncio, inspect, traceback) are imported on demand, since this
program waits idle in every worker.
"""

from __future__ import annotations

import _thread
import errno
import json
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

THREAD_STACK_BYTES = 1 << 20  # the default of 8 MiB would use up RLIMIT_DATA
RESERVE_BYTES = 1 << 20       # to report a lack of memory
MAX_TEXT_LENGTH = 1 << 15     # of a sentence or a traceback
VARIABLE_KEYWORDS = 0x08      # inspect.CO_VARKEYWORDS
COROUTINE = 0x80              # inspect.CO_COROUTINE


class Fault(Exception):
    """Error with a sentence that replaces the traceback.

    ``reason`` is a value of :class:`qinling.states.ExecutionReason`.
    """

    def __init__(self, sentence: str, reason: str = 'load_error') -> None:
        super().__init__(sentence)
        self.reason = reason


class Function:
    """Function of the user.

    :param entry: ``module.function``; the module may have dots.
    :param directory: path of the package.
    """

    def __init__(self, entry: str, directory: str) -> None:
        self._entry = entry
        self._directory = directory
        self._function: Any = None
        self._takes_context = False
        self._loop: Any = None

    def is_loaded(self) -> bool:
        """Return whether the import has succeeded."""
        return self._function is not None

    def load(self) -> None:
        """Import the function, unless imported.

        :raises Fault: the function does not exist.
        :raises BaseException: the import failed.
        """
        if self._function is not None:
            return
        module_name, _dot, name = self._entry.rpartition('.')
        if not module_name or not name:
            raise Fault('The entry %r is malformed: it must be like '
                        'module.function.' % self._entry)
        function = getattr(self._import(module_name), name, None)
        if function is None:
            raise Fault('The module %s has no function %s (entry %s).'
                        % (module_name, name, self._entry))
        if not callable(function):
            raise Fault('%s is not callable, it is of type %s.'
                        % (self._entry, type(function).__name__))
        self._takes_context = takes_context(function)
        if getattr(getattr(function, '__code__', None), 'co_flags',
                   0) & COROUTINE:
            self._create_loop()
        self._function = function

    def _import(self, name: str) -> Any:
        try:
            __import__(name)
        except ModuleNotFoundError as error:
            if error.name and (name + '.').startswith(error.name + '.'):
                raise Fault('The package has no module %s (entry %s).'
                            % (error.name, self._entry)) from None
            raise Fault('The module %s cannot be imported: it needs the '
                        'module %s, which is neither in the package nor in '
                        'the runtime.' % (name, error.name)) from error
        except SyntaxError as error:
            path = error.filename or ''
            if path.startswith(self._directory + '/'):
                path = path[len(self._directory) + 1:]
            raise Fault('The module %s cannot be imported: %s in %s, line '
                        '%s: %s' % (name, type(error).__name__, path,
                                    error.lineno, error.msg)) from error
        return sys.modules[name]

    def call(self, request: dict[str, Any]) -> Any:
        """Return the result of the function, also of a coroutine."""
        self.load()
        kwargs = request.get('kwargs') or {}
        kwargs.pop('context', None)
        if self._takes_context:
            kwargs['context'] = create_context(request.get('context') or {})
        result = self._function(*request.get('args') or (), **kwargs)
        if hasattr(result, '__await__'):
            return self._create_loop().run_until_complete(wait_for(result))
        return result

    def _create_loop(self) -> Any:
        """Return an open event loop."""
        if self._loop is None or self._loop.is_closed():
            import asyncio
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        return self._loop


async def wait_for(awaitable: Awaitable[Any]) -> Any:
    """Return the result of an awaitable."""
    return await awaitable


def create_context(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the context of an execution."""
    if not fields.get('token'):
        return fields
    return import_neighbour('python_context').Context(
        fields, import_neighbour)


def import_neighbour(name: str) -> Any:
    """Import a module of this directory, which is not in the search path."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    try:
        return __import__(name)
    finally:
        del sys.path[0]


def takes_context(function: Callable[..., Any]) -> bool:
    """Return whether a callable accepts the keyword ``context``."""
    while True:
        code = getattr(function, '__code__', None)
        if code is None:
            return import_neighbour('python_context').takes_context(function)
        first = code.co_posonlyargcount
        last = code.co_argcount + code.co_kwonlyargcount
        if 'context' in code.co_varnames[first:last]:
            return True
        if not code.co_flags & VARIABLE_KEYWORDS:
            return False
        # The wrapper of a decorator accepts all keywords: check its function.
        if not hasattr(function, '__wrapped__'):
            return True
        function = function.__wrapped__


class Executor:
    """Handler of the frames of the agent.

    :param channel: :class:`agent_channel.Channel`.
    :param settings: the load frame, see ``agent_worker.py``.
    """

    def __init__(self, channel: Any, settings: dict[str, Any]) -> None:
        self._channel = channel
        self._settings = settings
        self._code = settings['code']
        # Costs no memory until written.
        self._reserve: bytearray | None = bytearray(RESERVE_BYTES)
        self._encode = json.JSONEncoder(allow_nan=False).encode
        self._pid = os.getpid()
        self._function = Function(settings['entry'], self._code)
        os.environ.update(settings['environment'])
        self._process_state = import_neighbour(
            'python_process_state').ProcessState(self._code)
        # Code of the user precedes dependencies.
        sys.path[:0] = [self._code, self._code + '/python_modules']

    def serve(self) -> None:
        """Import the function, then run executions."""
        try:
            self._function.load()
        except BaseException:
            pass  # the first execution imports again, and reports the error
        self._process_state.save()
        while True:
            try:
                self._execute(self._channel.receive())
            except MemoryError:
                # The input is too large: exit like other such processes.
                os.kill(os.getpid(), signal.SIGKILL)

    def _execute(self, request: dict[str, Any]) -> None:
        execution_id = self._encode(request['execution_id'])
        try:
            reply = ('{"execution_id": %s, "status": "success", "output": %s}'
                     % (execution_id,
                        self._encode_output(self._function.call(request))))
        except BaseException as error:
            reply = ('{"execution_id": %s, "status": "failed", %s'
                     % (execution_id, self._encode(self._explain(error))[1:]))
        if os.getpid() != self._pid:
            os._exit(0)  # a forked child of the function
        try:
            self._channel.send(reply)
        except OSError:
            signal.pause()  # the user closed the channel: the agent kills us
        self._process_state.restore()

    def _encode_output(self, output: Any) -> str:
        try:
            text = self._encode(output)
        except (TypeError, ValueError, RecursionError) as error:
            raise Fault('The result of the function, of type %s, cannot be '
                        'written as JSON: %s'
                        % (type(output).__name__, error),
                        'invalid_output') from None
        limit = self._settings['max_result_size']
        if len(text) > limit:
            raise Fault('The result of the function is %d bytes long, the '
                        'limit is %d bytes.' % (len(text), limit),
                        'output_too_large')
        return text

    def _explain(self, error: BaseException) -> dict[str, Any]:
        """Return the result fields of an error.

        :returns: ``output``, ``traceback``, and ``retire`` to replace this
            process.
        """
        if isinstance(error, MemoryError):
            self._reserve = None
            clear_frames(error.__traceback__)
            return {'output': self._settings['out_of_memory'],
                    'reason': 'out_of_memory',
                    'traceback': self._format_traceback(error),
                    'retire': True}
        fields: dict[str, Any] = {
            'output': describe_error(error),
            'reason': self._reason(error),
            'traceback': self._format_traceback(error)}
        if lacks_processes(error):
            fields['output'] = self._settings['out_of_processes']
            fields['reason'] = 'out_of_processes'
            fields['retire'] = True
        return fields

    def _reason(self, error: BaseException) -> str:
        """Return the machine-readable reason of a failure."""
        if isinstance(error, Fault):
            return error.reason
        return 'user_error' if self._function.is_loaded() else 'load_error'

    def _format_traceback(self, error: BaseException) -> str:
        """Return the traceback without frames of this program."""
        if isinstance(error, Fault):
            if error.__cause__ is None:
                return '%s\n' % error
            error = error.__cause__
        try:
            import traceback
            lines = traceback.format_exception(
                type(error), error,
                skip_own_frames(error.__traceback__, self._code))
            return ''.join(lines)[-MAX_TEXT_LENGTH:]
        except BaseException:
            return ''  # out of memory, or str() of the exception fails


def describe_error(error: BaseException) -> str:
    """Return the sentence of an exception."""
    if isinstance(error, SystemExit):
        return ('Function execution failed: the function ended the '
                'interpreter (SystemExit: %s).' % error)
    if isinstance(error, KeyboardInterrupt):
        return 'Function execution failed: KeyboardInterrupt was raised.'
    try:
        text = str(error) or repr(error)
    except BaseException:
        return type(error).__name__
    if len(text) > MAX_TEXT_LENGTH:
        text = text[:MAX_TEXT_LENGTH] + '...'
    return text


def lacks_processes(error: BaseException) -> bool:
    """Return whether the limit of processes caused an exception."""
    if isinstance(error, RuntimeError):
        return str(error) == "can't start new thread"
    if getattr(error, 'errno', None) != errno.EAGAIN:
        return False
    # Reads from an empty pipe raise the same error; only a fork has "fork" or
    # "spawn" in the names of the innermost function.
    frame: Any = error.__traceback__
    while frame.tb_next is not None:
        frame = frame.tb_next
    return any('fork' in name or 'spawn' in name
               for name in frame.tb_frame.f_code.co_names)


def skip_own_frames(frame: TracebackType | None, directory: str
                    ) -> TracebackType | None:
    """Return the part of a traceback that starts in the code of the user.

    :param directory: path of the code.
    :returns: without a frame of the user, the part after this program.
    """
    foreign = frame
    while (foreign is not None
           and foreign.tb_frame.f_code.co_filename == __file__):
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


def main() -> None:
    """Run the bootstrap."""
    channel = import_neighbour('agent_channel').Channel(int(sys.argv[1]))
    _thread.stack_size(THREAD_STACK_BYTES)
    sys.argv = ['']
    # An import of __main__ by the user must not return this program.
    sys.modules['__main__'] = type(sys)('__main__')
    channel.send('{}')
    Executor(channel, channel.receive()).serve()


if __name__ == '__main__':
    main()
