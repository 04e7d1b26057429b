# SPDX-License-Identifier: Apache-2.0
"""Template of executors: a process that has imported a function, and forks.

The import of large libraries takes longer than most executions.  So a process
whose import was slow runs no execution itself: it becomes the parent of the
executors of its worker.  Executors must not notice.  A process therefore stays
an ordinary executor if its import left what a fork loses or shares: threads,
children, open files, shared memory, or values that are unique to a process.
"""

from __future__ import annotations

import gc
import os
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator
    from types import FrameType
    from types import ModuleType
    from typing import Any

MIN_IMPORT_MS = 25  # of processor time; a fork is faster
MAX_DESCRIPTORS = 4
RETRY_SECONDS = 0.0002
RESTRICT_SELF = 446  # landlock_restrict_self(2), on all machines
HARMLESS_FILES = ('/dev/null', '/dev/zero', '/dev/random', '/dev/urandom')
#: Modules that ask for a pid or bytes when imported, or for each record.
HARMLESS_CALLERS = ('logging', 'multiprocessing.process')
REFUSAL = '{"fork": false}'
FUNCTION, CONTAINERS = type(lambda: None), (dict, list, tuple)
MAX_DEPTH = 1  # of containers in containers
TIME_UUIDS = (1, 6, 7)  # versions with a time and a sequence

# Copies, since the code of the user may replace the originals.
_fork, _exit, _waitpid, _setsid = os.fork, os._exit, os.waitpid, os.setsid
_getpid, _getppid, _sleep = os.getpid, os.getppid, time.sleep
_close, _listdir, _readlink = os.close, os.listdir, os.readlink
_poll = select.poll


class ImportWatch:
    """Context of the import of a function, which finds effects of the import.

    :param directory: path of the code of the function.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory + '/'
        self._dependencies = self._directory + 'python_modules/'
        self._files: dict[str, str] = {}
        self._originals = {name: getattr(os, name)
                           for name in ('urandom', 'getpid')}
        self._watches: dict[str, Callable[..., Any]] = {}
        #: Top names of libraries beside the code of the user.
        self._installed: set[str] = set()
        #: Top names of the modules that asked for bytes or the pid.
        self._callers: set[str] = set()

    def __enter__(self) -> ImportWatch:
        self._files = list_open_files()
        for name, original in self._originals.items():
            self._watches[name] = self._watch(original)
            setattr(os, name, self._watches[name])
        return self

    def __exit__(self, *_exception: object) -> None:
        for name, original in self._originals.items():
            if getattr(os, name, None) is self._watches[name]:
                setattr(os, name, original)

    def _watch(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that notes its caller."""
        def call(*arguments: Any) -> Any:
            self._note_caller(sys._getframe(1))
            return original(*arguments)
        call.__name__ = original.__name__
        return call

    def _note_caller(self, frame: FrameType | None) -> None:
        """Note the module of the user, if any, that a call is for.

        Values in libraries are internal: their authors expect forks.
        """
        if frame and frame.f_globals.get('__name__') in HARMLESS_CALLERS:
            return
        while frame is not None:
            path = frame.f_code.co_filename
            if self._is_own(path):
                self._callers.add(self._top_name(path))
                return
            if path.startswith(self._dependencies) or '-packages/' in path:
                return
            frame = frame.f_back

    def _is_own(self, path: str) -> bool:
        """Return whether a file is of the package, not of dependencies."""
        return (path.startswith(self._directory)
                and not path.startswith(self._dependencies))

    def _top_name(self, path: str) -> str:
        top = path[len(self._directory):].partition('/')[0]
        return top.partition('.')[0]

    def is_forkable(self) -> bool:
        """Return whether a fork of this process is as good as an import."""
        try:
            self._installed = self._list_installed()
            return (not has_threads_or_children()
                    and not self._has_new_files() and not has_shared_memory()
                    and not self._callers - self._installed
                    and not any(map(self._has_unique_value,
                                    self._own_modules()))
                    and not self._has_private_generators())
        except Exception:
            return False  # a module of the user is not what it seems

    def _has_new_files(self) -> bool:
        return any(path not in HARMLESS_FILES
                   for name, path in list_open_files().items()
                   if name not in self._files)

    def _list_installed(self) -> set[str]:
        """Return the top names of libraries beside the code of the user."""
        names: set[str] = set()
        for entry in _listdir(self._directory):
            if entry.endswith('.dist-info'):
                path = self._directory + entry + '/RECORD'
                with open(path, encoding='utf-8') as record:
                    names.update(line.partition(',')[0].partition('/')[0]
                                 .partition('.')[0] for line in record)
        return names

    def _own_modules(self) -> Iterator[ModuleType]:
        """Return the modules of the user, without dependencies."""
        for module in list(sys.modules.values()):
            path = getattr(module, '__file__', None) or ''
            if (self._is_own(path)
                    and self._top_name(path) not in self._installed):
                yield module

    def _has_unique_value(self, module: ModuleType) -> bool:
        uuid = getattr(sys.modules.get('uuid'), 'UUID', None)
        return uuid is not None and any(
            type(value) is uuid and value.version in TIME_UUIDS
            for value in list(vars(module).values()))

    def _has_private_generators(self) -> bool:
        """Return whether modules of the user may have generators.

        Executors with copies of a generator would get the same numbers.
        """
        modules = {id(vars(module)): True for module in sys.modules.values()
                   if hasattr(module, '__dict__')}
        modules.update((id(vars(module)), False)
                       for module in self._own_modules())
        return any(self._find_owner(generator, modules) is not True
                   for generator in list_generators())

    def _find_owner(self, value: object, modules: dict[int, bool],
                    depth: int = 0) -> bool | None:
        """Return whether a library has a value, ``None`` if unknown.

        :param modules: id of the names of a module -> whether the module is of
            a library.
        """
        answers: set[bool | None] = set()
        for owner in gc.get_referrers(value):
            if id(owner) in modules:
                answers.add(modules[id(owner)])
            elif type(owner) in CONTAINERS and depth < MAX_DEPTH:
                # Defaults of a function, or attributes of an instance.
                answers.add(self._find_owner(owner, modules, depth + 1))
            elif self._is_of_library(owner):
                answers.add(True)
        return False if False in answers else (True in answers or None)

    def _is_of_library(self, owner: object) -> bool:
        """Return whether a library creates an object, as far as known."""
        name = (owner if type(owner) is FUNCTION else type(owner)).__module__
        path = getattr(sys.modules.get(name), '__file__', None) or ''
        return name == 'tempfile' or '-packages/' in path or (
            path.startswith(self._directory) and (
                not self._is_own(path)
                or self._top_name(path) in self._installed))


def list_open_files() -> dict[str, str]:
    """Return the paths of the open files, by descriptor."""
    files = {}
    for name in _listdir('/proc/self/fd'):
        try:
            files[name] = _readlink('/proc/self/fd/' + name)
        except OSError:
            pass  # the descriptor of the listing
    return files


def has_threads_or_children() -> bool:
    """Return whether this process has threads or children."""
    threads = _listdir('/proc/self/task')
    if len(threads) > 1:
        return True
    with open('/proc/self/task/%s/children' % threads[0], 'rb') as file:
        return bool(file.read().strip())


def has_shared_memory() -> bool:
    """Return whether this process has writable shared memory."""
    with open('/proc/self/maps', 'rb') as maps:
        return any(line.split(None, 2)[1] in (b'rw-s', b'-w-s', b'rwxs')
                   for line in maps)


def list_generators() -> list[Any]:
    """Return the generators of random numbers, but the global ones."""
    kinds: set[type] = set()
    shared = []
    module: Any = sys.modules.get('random')
    if module is not None:
        kinds = {module.Random, *module.Random.__subclasses__()}
        kinds.discard(module.SystemRandom)
        shared.append(module._inst)
    module = sys.modules.get('numpy.random')
    if module is not None:
        kinds |= {module.Generator, module.RandomState}
        shared.append(module.mtrand._rand)
    # The type of an object, unlike its class, runs no code of the user.
    return [item for item in gc.get_objects() if type(item) in kinds
            and not any(item is generator for generator in shared)]


class Template:
    """Parent of executors.

    :param channel: :class:`agent_channel.Channel`.
    :param library: :class:`python_library.StandardLibrary`.
    """

    def __init__(self, channel: Any, library: Any) -> None:
        self._channel = channel
        with library:
            import _socket
            import array
            import ctypes
            self._socket, self._array = _socket, array.array
            self._libc = ctypes.CDLL(None)
        self._generators = [item for item in list_generators()
                            if hasattr(item, 'seed')]
        # Collections leave the memory in common with executors alone.
        gc.freeze()

    def fork(self, become: Callable[[int, int], None]) -> bool:
        """Fork an executor as the agent asks.

        The executor is a child of the agent, since its parent ends.

        :param become: gives the executor its output and its channel.
        :returns: whether this process is the executor.
        """
        numbers = self._receive_descriptors()
        try:
            parent = _fork()
        except OSError:
            parent = -1
        if not parent:
            self._begin(numbers, become)
            return True
        for number in numbers:
            _close(number)
        if parent < 0 or _waitpid(parent, 0)[1]:
            self._channel.send(REFUSAL)
        return False

    def _receive_descriptors(self) -> list[int]:
        poller = _poll()
        poller.register(self._channel.number, select.POLLIN)
        poller.poll()
        channel = self._socket.socket(fileno=self._channel.number)
        numbers = self._array('i')
        try:
            ancillary = channel.recvmsg(1, self._socket.CMSG_SPACE(
                MAX_DESCRIPTORS * numbers.itemsize))[1]
        finally:
            channel.detach()
        for _level, _kind, data in ancillary:
            numbers.frombytes(data)
        return numbers.tolist()

    def _begin(self, numbers: list[int],
               become: Callable[[int, int], None]) -> None:
        """Start an executor in this new process, and end this process.

        :param numbers: descriptors of the output (twice), the channel, and
            the Landlock ruleset if there is one.
        """
        parent = _getpid()
        try:
            if _fork():
                _exit(0)
        except OSError:
            _exit(1)
        try:
            _setsid()
            for ruleset in numbers[3:]:
                # A domain without power over the domains of others.
                if self._libc.syscall(RESTRICT_SELF, ruleset, 0):
                    raise OSError('landlock_restrict_self')
            self._seed_generators()
            while _getppid() == parent:
                _sleep(RETRY_SECONDS)  # it is about to end
        except BaseException:
            self._channel.send(REFUSAL)
            _exit(1)
        self._channel.send('{}')  # the kernel tells the agent who sends
        become(numbers[0], numbers[2])
        for number in numbers:
            _close(number)

    def _seed_generators(self) -> None:
        for generator in self._generators:
            generator.seed()
        numpy: Any = sys.modules.get('numpy.random')
        if numpy is not None:
            numpy.seed()
