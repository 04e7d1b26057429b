# SPDX-License-Identifier: Apache-2.0
"""The bootstrap for Python: loads the user's function once and calls it.

Started by the agent as ``python -I -S -u python.py <fd>``; see
``agent_executor.py`` for the frames that go over that file descriptor.
Everything that costs memory or time (asyncio, inspect, traceback) is imported
when it is needed: this program waits idle in every worker.
"""

import _thread
import errno
import json
import os
import signal
import sys

THREAD_STACK = 1 << 20    # bytes; the default of 8 MiB would eat RLIMIT_DATA
RESERVE = 1 << 20         # bytes to report a lack of memory with
MAX_TEXT = 1 << 15        # characters of a sentence or a traceback
VARIABLE_KEYWORDS = 0x08  # inspect.CO_VARKEYWORDS
COROUTINE = 0x80          # inspect.CO_COROUTINE


class Fault(Exception):
    """A fault that a sentence explains better than a traceback."""


class Function:
    """The user's function.

    :param entry: ``module.function``, the module may have dots.
    :param directory: where the package lies.
    """

    def __init__(self, entry, directory):
        self._entry = entry
        self._directory = directory
        self._function = None
        self._takes_context = False
        self._loop = None

    def load(self):
        """Import it, unless that is done.

        :raises Fault: it is not there.
        :raises BaseException: whatever its import raises.
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
            self._make_loop()
        self._function = function

    def _import(self, name):
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

    def call(self, request):
        """Its result, waited for if it is a coroutine."""
        self.load()
        kwargs = request.get('kwargs') or {}
        kwargs.pop('context', None)
        if self._takes_context:
            kwargs['context'] = make_context(request.get('context') or {})
        result = self._function(*request.get('args') or (), **kwargs)
        if hasattr(result, '__await__'):
            return self._make_loop().run_until_complete(wait_for(result))
        return result

    def _make_loop(self):
        if self._loop is None or self._loop.is_closed():
            import asyncio
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        return self._loop


async def wait_for(awaitable):
    return await awaitable


def make_context(fields):
    return (beside('python_context').Context(fields, beside)
            if fields.get('token') else fields)


def beside(name):
    """A module beside this file, where the path of users does not lead."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    try:
        return __import__(name)
    finally:
        del sys.path[0]


def takes_context(function):
    """Whether a callable can be called with the keyword ``context``."""
    while True:
        code = getattr(function, '__code__', None)
        if code is None:
            return beside('python_context').takes_context(function)
        first = code.co_posonlyargcount
        last = code.co_argcount + code.co_kwonlyargcount
        if 'context' in code.co_varnames[first:last]:
            return True
        if not code.co_flags & VARIABLE_KEYWORDS:
            return False
        # A decorator's wrapper takes everything; ask what it wraps.
        if not hasattr(function, '__wrapped__'):
            return True
        function = function.__wrapped__


class Executor:
    """Answers the frames of the agent.

    :param channel: an :class:`agent_channel.Channel`.
    :param settings: the load frame, see ``agent_worker.py``.
    """

    def __init__(self, channel, settings):
        self._channel = channel
        self._settings = settings
        self._code = settings['code']
        self._reserve = bytearray(RESERVE)  # costs no memory until written
        self._encode = json.JSONEncoder(allow_nan=False).encode
        self._pid = os.getpid()
        self._function = Function(settings['entry'], self._code)
        os.environ.update(settings['environment'])
        self._surroundings = beside('python_surroundings').Surroundings(
            self._code)
        # What was installed comes after what the user wrote.
        sys.path[:0] = [self._code, self._code + '/python_modules']

    def serve(self):
        """Import the function, then execute it for ever."""
        try:
            self._function.load()
        except BaseException:
            pass  # the import is tried again, and explained, when called
        self._surroundings.remember()
        while True:
            try:
                self._execute(self._channel.receive())
            except MemoryError:
                # The input is too large; end like any other such process.
                os.kill(os.getpid(), signal.SIGKILL)

    def _execute(self, request):
        execution_id = self._encode(request['execution_id'])
        try:
            reply = ('{"execution_id": %s, "status": "success", "output": %s}'
                     % (execution_id,
                        self._encode_output(self._function.call(request))))
        except BaseException as error:
            reply = ('{"execution_id": %s, "status": "failed", %s'
                     % (execution_id, self._encode(self._explain(error))[1:]))
        if os.getpid() != self._pid:
            os._exit(0)  # a child that the function forked came back here
        try:
            self._channel.send(reply)
        except OSError:
            signal.pause()  # the user closed it; the agent sees that and acts
        self._surroundings.restore()

    def _encode_output(self, output):
        try:
            text = self._encode(output)
        except (TypeError, ValueError, RecursionError) as error:
            raise Fault('The result of the function, of type %s, cannot be '
                        'written as JSON: %s'
                        % (type(output).__name__, error)) from None
        limit = self._settings['max_result_size']
        if len(text) > limit:
            raise Fault('The result of the function is %d bytes long, the '
                        'limit is %d bytes.' % (len(text), limit))
        return text

    def _explain(self, error):
        """The ``output`` and ``traceback`` of a failure, and ``retire`` if
        this process should not go on."""
        if isinstance(error, MemoryError):
            self._reserve = None
            clear_frames(error.__traceback__)
            return {'output': self._settings['out_of_memory'],
                    'traceback': self._traceback(error), 'retire': True}
        answer = {'output': sentence(error),
                  'traceback': self._traceback(error)}
        if lacks_processes(error):
            answer['output'] = self._settings['out_of_processes']
            answer['retire'] = True
        return answer

    def _traceback(self, error):
        """The traceback without our own frames."""
        if isinstance(error, Fault):
            if error.__cause__ is None:
                return '%s\n' % error
            error = error.__cause__
        try:
            import traceback
            lines = traceback.format_exception(
                type(error), error,
                users_frames(error.__traceback__, self._code))
            return ''.join(lines)[-MAX_TEXT:]
        except BaseException:
            return ''  # out of memory, or an exception that breaks str()


def sentence(error):
    """What an exception says, for somebody who sees nothing else."""
    if isinstance(error, SystemExit):
        return ('Function execution failed: the function ended the '
                'interpreter (SystemExit: %s).' % error)
    if isinstance(error, KeyboardInterrupt):
        return 'Function execution failed: KeyboardInterrupt was raised.'
    try:
        text = str(error) or repr(error)
    except BaseException:
        return type(error).__name__
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + '...'
    return text


def lacks_processes(error):
    """Whether an exception came from the limit of processes."""
    if isinstance(error, RuntimeError):
        return str(error) == "can't start new thread"
    if getattr(error, 'errno', None) != errno.EAGAIN:
        return False
    # Reading from an empty pipe gives the same error; a fork is told by the
    # names which the innermost function uses.
    frame = error.__traceback__
    while frame.tb_next is not None:
        frame = frame.tb_next
    return any('fork' in name or 'spawn' in name
               for name in frame.tb_frame.f_code.co_names)


def users_frames(frame, directory):
    """The part of a traceback that begins in the user's code, or all that
    is not ours if it never gets there."""
    ours = frame
    while ours is not None and ours.tb_frame.f_code.co_filename == __file__:
        ours = ours.tb_next
    users = ours
    while users is not None and not users.tb_frame.f_code.co_filename \
            .startswith(directory + '/'):
        users = users.tb_next
    return users or ours


def clear_frames(frame):
    """Release what the frames of a traceback hold."""
    while frame is not None:
        try:
            frame.tb_frame.clear()
        except RuntimeError:
            pass  # that one is running: it is ours
        frame = frame.tb_next


def main():
    channel = beside('agent_channel').Channel(int(sys.argv[1]))
    _thread.stack_size(THREAD_STACK)
    sys.argv = ['']
    # What users import as __main__ is not this program.
    sys.modules['__main__'] = type(sys)('__main__')
    channel.send('{}')
    Executor(channel, channel.receive()).serve()


if __name__ == '__main__':
    main()
