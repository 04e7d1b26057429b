# SPDX-License-Identifier: Apache-2.0
"""Bootstrap for Python: loads the function of the user, then calls it.

Started by the agent as ``python -I -S -u python.py <fd>``;
``agent_executor.py`` describes the frames of the file descriptor.  Expensive
modules (asyncio, inspect) are imported on demand, since this program waits
idle in every worker.
"""

from __future__ import annotations

import builtins
import sys

# Copies, since the code of the user may replace the originals.  Functions of
# this program use these built-in functions.
BUILTINS = dict(vars(builtins))
__builtins__ = BUILTINS  # type: ignore[assignment]

#: Modules that a package cannot replace, as in any program of Python.
LOADED_BY_PYTHON = frozenset(sys.modules) | {
    'os', 'stat', 'posixpath', 'genericpath', '_collections_abc', 'site'}

import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import time  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any
    from typing import NoReturn

DIRECTORY = os.path.dirname(os.path.abspath(__file__))
RESERVE_BYTES = 1 << 20  # to report a lack of memory

MAX_INTERRUPTIONS = 100  # by hooks and handlers of the user
RECURSION_LIMIT = sys.getrecursionlimit()

_getpid, _exit, _dup2 = os.getpid, os._exit, os.dup2
_perf_counter, _process_time = time.perf_counter, time.process_time
_gettrace, _settrace = sys.gettrace, sys.settrace
_getprofile, _setprofile = sys.getprofile, sys.setprofile
_getrecursionlimit, _setrecursionlimit = (sys.getrecursionlimit,
                                          sys.setrecursionlimit)
_quote = json.encoder.encode_basestring_ascii


class Neighbours:
    """Modules of this directory.

    The modules are not in ``sys.modules``, whose names belong to the user.
    """

    def __init__(self) -> None:
        self._modules: dict[str, ModuleType] = {}

    def load(self, name: str) -> ModuleType:
        """Return a module."""
        if name in self._modules:
            return self._modules[name]
        loader = type(__loader__)(  # type: ignore[misc, name-defined]
            'qinling.' + name, os.path.join(DIRECTORY, name + '.py'))
        module = type(sys)(loader.name)
        module.__file__ = loader.path
        module.__builtins__ = BUILTINS  # type: ignore[attr-defined]
        loader.exec_module(module)
        self._modules[name] = module
        return module


neighbours = Neighbours()
python_builtins = neighbours.load('python_builtins')
python_failures = neighbours.load('python_failures')
python_function = neighbours.load('python_function')
python_library = neighbours.load('python_library')
python_process_state = neighbours.load('python_process_state')
python_results = neighbours.load('python_results')
python_stream = neighbours.load('python_stream')
python_template = neighbours.load('python_template')


class Executor:
    """Handler of the frames of the agent.

    :param channel: :class:`agent_channel.Channel`.
    :param settings: the load frame, see ``agent_worker.py``.
    """

    def __init__(self, channel: Any, settings: dict[str, Any]) -> None:
        self._channel = channel
        self._settings = settings
        # Costs no memory until written.
        self._reserve: bytearray | None = bytearray(RESERVE_BYTES)
        self._encode = json.JSONEncoder(allow_nan=False).encode
        self._pid = _getpid()
        self._failure: dict[str, Any] | None = None  # of the import
        self._template: Any = None
        #: Trace and profile functions that the import set.
        self._hooks: tuple[Any, Any] = (None, None)
        os.environ.update(settings['environment'])
        if 'TZ' in settings['environment']:
            time.tzset()
        code = settings['code']
        self._process_state = python_process_state.ProcessState(code)
        self._library = library = python_library.StandardLibrary(
            LOADED_BY_PYTHON, code)
        self._function = python_function.Function(
            settings['entry'], code, library, neighbours)
        self._failures = python_failures.Failures(settings, library)
        python_builtins.install()
        # Code of the user precedes dependencies.
        library.open([code, code + '/python_modules'])

    def serve(self) -> None:
        """Import the function, then run executions."""
        self._import()
        while True:
            try:
                request = self._channel.receive()
            except MemoryError:
                self.send('{"out_of_memory": true}')
            else:
                if 'fork' in request:
                    self._fork()
                else:
                    self._execute(request)

    def _import(self) -> None:
        started, used = _perf_counter(), _process_time()
        watch = python_template.ImportWatch(self._settings['code'])
        _result, error = self._attempt(self._load, watch)
        if error is not None:
            # The first execution reports the error; the next process
            # imports again.
            self._failure = dict(self._explain(error), retire=True)
        self._process_state.save()
        milliseconds = (_perf_counter() - started) * 1000
        is_forkable = (self._failure is None
                       and (_process_time() - used) * 1000
                       >= python_template.MIN_IMPORT_MS
                       and watch.is_forkable())
        if not is_forkable:
            self._function.prepare()
        self.send('{"import_ms": %.3f%s}' % (
            milliseconds, ', "forkable": true' if is_forkable else ''))

    def _load(self, watch: Any) -> None:
        with watch:
            self._function.load()
        self._hooks = _gettrace(), _getprofile()

    def _attempt(self, call: Callable[..., Any], *arguments: Any
                 ) -> tuple[Any, BaseException | None]:
        """Return the result and the exception of a call of user code.

        Afterwards, hooks, timers and signals do not interrupt this program.
        """
        result = error = None
        try:
            result = call(*arguments)
        except BaseException as raised:
            error = raised
        # Hooks and handlers of the user may raise here, too.  The interpreter
        # removes hooks that raise.
        for _number in range(MAX_INTERRUPTIONS):
            try:
                if _getprofile() is not None:
                    _setprofile(None)
                if _gettrace() is not None:
                    _settrace(None)
                if _getrecursionlimit() < RECURSION_LIMIT:
                    _setrecursionlimit(RECURSION_LIMIT)
                self._process_state.disarm()
                break
            except MemoryError:
                self._reserve = None
            except BaseException:
                pass
        return result, error

    def _fork(self) -> None:
        """Start an executor on behalf of the agent."""
        if self._template is None:
            self._template = python_template.Template(
                self._channel, self._library)
        self._template.fork(self._become_executor)

    def _become_executor(self, output: int, channel: int) -> None:
        self._pid = _getpid()
        self._process_state.replace_output(output)
        _dup2(channel, self._channel.number, False)

    def _execute(self, request: dict[str, Any]) -> None:
        execution_id = _quote(request['execution_id'])
        fields, output = self._failure, None
        if fields is None:
            try:
                output, error = self._attempt(self._call, request)
            except BaseException as raised:  # by a signal between two steps
                output, error = self._attempt(throw, raised)
            if error is not None:
                fields = self._explain(error)
        if fields is None:
            reply = ('{"execution_id": %s, "status": "success", "output": %s}'
                     % (execution_id, output))
        else:
            reply = '{"execution_id": %s, "status": "failed", %s}' % (
                execution_id, ', '.join(
                    '%s: %s' % (_quote(name), 'true' if value is True
                                else _quote(value))
                    for name, value in fields.items()))
        self.send(reply)
        try:
            self._process_state.restore()
        except BaseException:
            self._channel.close()  # the agent takes another process
            _exit(0)

    def _call(self, request: dict[str, Any]) -> str:
        """Return the result of the function as JSON."""
        trace, profile = self._hooks
        if trace is not None:
            _settrace(trace)
        if profile is not None:
            _setprofile(profile)
        try:
            return self._find_result(request)
        finally:
            self._process_state.flush()

    def _find_result(self, request: dict[str, Any]) -> str:
        output = self._function.call(request)
        limit = self._settings['max_result_size']
        if python_stream.is_stream(output):
            return str(python_stream.Stream(
                self, bool(request.get('stream')), python_failures.Fault,
                limit).join(output, self._function.run_coroutine))
        text = self.encode_output(output)
        if len(text) > limit:
            raise python_failures.Fault(
                'The result of the function is %d bytes long, the limit is '
                '%d bytes.' % (len(text), limit), 'output_too_large')
        return text

    def encode_output(self, output: Any) -> str:
        """Return a result as JSON.

        :raises Fault: the result has no form in JSON.
        """
        try:
            text = self._encode(output)
            key = python_results.find_repeated_key(output)
        except RecursionError:
            raise python_failures.Fault(self._settings['too_deep'],
                                        'invalid_output') from None
        except (TypeError, ValueError) as error:
            raise python_failures.Fault(
                'The result of the function, of type %s, cannot be written '
                'as JSON: %s' % (type(output).__name__, error),
                'invalid_output') from None
        if key is not None:
            raise python_failures.Fault(
                python_results.REPEATED_KEY % (type(output).__name__, key),
                'invalid_output')
        return text

    def _explain(self, error: BaseException) -> dict[str, Any]:
        """Return the result fields of an error."""
        if issubclass(type(error), MemoryError):
            self._reserve = None
        is_loaded = self._function.is_loaded()
        # Texts of exceptions come from methods of the user.
        fields, failure = self._attempt(self._failures.explain, error,
                                        is_loaded)
        if failure is None:
            return dict(fields)
        return {'output': type(error).__name__, 'traceback': '',
                'reason': 'user_error' if is_loaded else 'load_error'}

    def send(self, text: str) -> None:
        """Send a frame to the agent."""
        if _getpid() != self._pid:
            _exit(0)  # a forked child of the function
        try:
            self._channel.send(text)
        except OSError:
            signal.pause()  # the user closed the channel: the agent kills us


def throw(error: BaseException) -> NoReturn:
    """Raise an exception."""
    raise error


def main() -> None:
    """Run the bootstrap."""
    channel = neighbours.load('agent_channel').Channel(int(sys.argv[1]))
    sys.argv = ['']
    # An import of __main__ by the user must not return this program.
    sys.modules['__main__'] = type(sys)('__main__')
    channel.send('{}')
    Executor(channel, channel.receive()).serve()


if __name__ == '__main__':
    main()
