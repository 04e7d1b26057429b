# SPDX-License-Identifier: Apache-2.0
"""Life of a worker process: start, readiness, limits, end and clean-up."""

import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import typing

from oslo_config import cfg

from qinling import exception
from qinling.orchestrators.process import cgroups
from qinling.orchestrators.process import confinement
from qinling.orchestrators.process import languages
from qinling.orchestrators.process import sandbox_backends
from qinling.orchestrators.process import sandbox_spec
from qinling.orchestrators.process import users

CREDENTIALS = struct.Struct('iII')  # pid, uid and gid of the writer
MAX_PATH_BYTES = 107           # of a Unix socket
MAX_STDERR_TAIL_BYTES = 4000
BACKLOG = 64
FAILED_START_SECONDS = 1.0     # for a failed start to end by itself
SEARCH_PATH = '/usr/local/bin:/usr/bin:/bin'


class StartFailed(Exception):
    """A worker did not become ready; the message has its error output."""


class Directory:
    """Private directory of sockets.

    The directory stays open: a socket with a path too long for the kernel has
    a path through the open directory, which is valid in this process only.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.number = os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def listen(self, name: str) -> tuple[socket.socket, str]:
        """Return a listening socket and the path."""
        path = os.path.join(self.path, f'{name}.sock')
        if len(os.fsencode(path)) > MAX_PATH_BYTES:
            path = f'/proc/self/fd/{self.number}/{name}.sock'
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(path)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener, path

    def close(self) -> None:
        """Close the directory."""
        os.close(self.number)


class Starter:
    """Starter of workers with the same isolation.

    :param options: the configuration group ``process``.
    :param directory: directory of the sockets.
    :param backend: backend that starts sandboxes.
    :param spec: sandbox of the workers.
    :param interpreters: interpreters of this machine.
    :param groups: control groups.
    """

    def __init__(self, options: cfg.ConfigOpts.GroupAttr,
                 directory: Directory, backend: sandbox_backends.Backend,
                 spec: sandbox_spec.SandboxSpec,
                 interpreters: languages.Interpreters,
                 groups: cgroups.Cgroups | cgroups.NoCgroups) -> None:
        self._options = options
        self.directory = directory
        self._spec = spec
        #: Sandbox of the workers that install dependencies.
        self.installer_spec = sandbox_spec.enable_network(spec)
        self._interpreters = interpreters
        self._groups = groups
        self.backend = backend
        self.confinement = confinement.Confinement(
            spec, backend, groups.controllers)
        #: Sandbox of the workers without a network.
        self._offline_spec = sandbox_spec.disable_network(spec)
        self._offline_confinement = confinement.Confinement(
            self._offline_spec, backend, groups.controllers)
        self.users: users.Users | None = None
        if backend.sandboxed and os.geteuid() == 0:
            self.users = users.Users(options.first_uid)

    def check_offline(self) -> bool:
        """Return whether workers without a network differ from others.

        :raises PermanentError: every worker has the network of the machine.
        """
        if not self.backend.confined:
            raise exception.PermanentError(
                'Workers cannot be without a network here, since nothing '
                'isolates them; see [process] isolation.')
        return self._spec.network

    def launch(self, image: str, installs: bool = False,
               offline: bool = False) -> 'Process':
        """Start the process of a worker; the process is not ready yet.

        :param installs: the worker installs dependencies.
        :param offline: the worker has no network.
        :raises StartFailed: the process could not start.
        """
        name = secrets.token_hex(8)
        try:
            with contextlib.ExitStack() as stack:
                process = self._launch(name, image, stack, (
                    self.installer_spec if installs else
                    self._offline_spec if offline else self._spec))
                process.resources = stack.pop_all()
                return process
        except (OSError, StopIteration) as error:
            raise StartFailed(f'It cannot be started: {error}') from error

    def _launch(self, name: str, image: str, stack: contextlib.ExitStack,
                spec: sandbox_spec.SandboxSpec) -> 'Process':
        uid = None
        if self.users:
            uid = self.users.acquire_uid()
            stack.callback(self.users.release_uid, uid)
        group = self._groups.create_group(name)
        stack.callback(group.remove)
        listener, path = self.directory.listen(name)
        stack.callback(_unlink, path)
        stack.enter_context(listener)
        events = group.open_memory_events()
        executors = group.open_executors()
        inherited = [number for number in (events, executors)
                     if number is not None]
        for number in inherited:
            stack.callback(os.close, number)
        settings = dict(self._create_settings(image, name, stack, spec),
                        uid=uid,
                        listen=f'fd:{listener.fileno()}',
                        memory_events=events, executors=executors,
                        secret=secrets.token_urlsafe(32))
        stderr = stack.enter_context(
            tempfile.TemporaryFile(dir=self.directory.path))
        popen, lifeline, channel = self._execute(
            spec, uid, [listener.fileno(), *inherited], stderr)
        process = Process(name, popen, lifeline, channel, stderr)
        process.group = group
        process.settings = settings
        process.address = f'unix:{path}'
        process.sandboxed = self.backend.sandboxed
        return process

    def _execute(self, spec: sandbox_spec.SandboxSpec, uid: int | None,
                 inherited: list[int], stderr: typing.IO[bytes]
                 ) -> tuple[subprocess.Popen[bytes], int, socket.socket]:
        """Start an agent.

        :param inherited: descriptors for the agent.
        :returns: the process, our end of its standard input, and our end of
            its standard output.
        """
        if self.backend.sandboxed:
            spec = sandbox_spec.add_accounts(
                spec, sandbox_spec.SANDBOX_UID if uid is None else uid)
        command = self.backend.create_command(
            spec, [self._interpreters.python.path, '-I', '-S',
                   os.path.join(self._agent_directory(), 'agent.py')])
        stdin, lifeline = os.pipe()
        channel, stdout = socket.socketpair()
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        try:
            popen = subprocess.Popen(
                command.words, stdin=stdin, stdout=stdout.fileno(),
                stderr=stderr, env=dict[str, str](), cwd='/',
                pass_fds=[*inherited, *command.descriptors],
                start_new_session=True)
        except OSError:
            os.close(lifeline)
            channel.close()
            raise
        finally:
            stdout.close()
            for number in (stdin, *command.descriptors):
                os.close(number)
        return popen, lifeline, channel

    def _agent_directory(self) -> str:
        """Return the directory of agent and bootstraps inside a worker."""
        if self.backend.sandboxed:
            return sandbox_spec.AGENT
        return languages.DIRECTORY

    def _create_settings(self, image: str, name: str,
                         stack: contextlib.ExitStack,
                         spec: sandbox_spec.SandboxSpec
                         ) -> dict[str, typing.Any]:
        """Return the settings of the agent, without the sockets."""
        options = self._options
        code, temporary = sandbox_spec.CODE, '/tmp'
        if not self.backend.sandboxed:
            private = os.path.join(self.directory.path, f'{name}.worker')
            stack.callback(shutil.rmtree, private, ignore_errors=True)
            code = os.path.join(private, 'code')
            temporary = os.path.join(private, 'tmp')
            os.makedirs(code, 0o700)
            os.mkdir(temporary, 0o700)
        return {
            'code': code,
            'bootstrap': self._interpreters.bootstrap_command(
                image, self._agent_directory()),
            'environment': {'PATH': SEARCH_PATH, 'LANG': 'C.UTF-8',
                            'HOME': temporary, 'TMPDIR': temporary,
                            **languages.find_language(image).environment},
            'processes': options.processes if self.backend.sandboxed else 0,
            'open_files': options.open_files,
            'file_size': options.file_size * sandbox_spec.MIB,
            'max_body_size': options.max_package_size * sandbox_spec.MIB,
            'start_timeout': options.start_timeout,
            'memory_reserve': languages.find_language(image).memory_reserve,
            'memory_slack': languages.find_language(image).memory_slack,
            **(self._offline_confinement if spec is self._offline_spec
               else self.confinement).create_settings(code, temporary),
        }


class Process:
    """Process of a worker.

    A single thread calls :meth:`wait_ready` and :meth:`wait`; any thread may
    stop the process.

    :param lifeline: our end of the standard input; closing stops the agent.
    :param channel: our end of the standard output.
    :param stderr: file with the standard error.
    """

    group: cgroups.NoGroup
    settings: dict[str, typing.Any]
    address: str
    sandboxed: bool
    memory_size = 0  # of an execution, since the claim
    image = ''  # of the pool, since the claim

    def __init__(self, name: str, popen: subprocess.Popen[bytes],
                 lifeline: int, channel: socket.socket,
                 stderr: typing.IO[bytes]) -> None:
        self.name = name
        self.ended = threading.Event()
        self.resources = contextlib.ExitStack()
        self.stderr_tail = ''
        self._popen = popen
        self._lifeline: int | None = lifeline
        self._channel = channel
        self._stderr = stderr
        self._lock = threading.Lock()
        self._agent: int | None = None  # pidfd

    @property
    def secret(self) -> str:
        """Return the secret of calls to the agent."""
        secret: str = self.settings['secret']
        return secret

    def wait_ready(self, timeout: float) -> None:
        """Send the settings to the agent, and wait until the agent is ready.

        :raises StartFailed: the agent is not ready; the process has ended.
        :raises OSError: likewise.
        """
        deadline = time.monotonic() + timeout
        try:
            pid = self._receive_line(b'started\n', deadline)
            with self._lock:
                self._agent = os.pidfd_open(pid)
            self.group.add_process(pid)
            self._send_settings()
            self._receive_line(b'ready\n', deadline)
        except BaseException:
            self.stop()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(FAILED_START_SECONDS)
            self._popen.kill()
            self.wait()
            raise

    def _send_settings(self) -> None:
        with self._lock:
            if self._lifeline is None:
                raise StartFailed('It was ended before it was ready.')
            os.write(self._lifeline,
                     json.dumps(self.settings).encode() + b'\n')

    def _receive_line(self, line: bytes, deadline: float) -> int:
        """Wait for a line of the agent, and return the pid of the agent."""
        self._channel.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            data, ancillary, _flags, _address = self._channel.recvmsg(
                len(line), socket.CMSG_SPACE(CREDENTIALS.size))
        except TimeoutError:
            raise StartFailed(f'It was not {line.decode().strip()} in time. '
                              f'{self.read_stderr_tail()}') from None
        if data != line:
            raise StartFailed(
                self.read_stderr_tail() or 'It ended without a message.')
        pid: int = CREDENTIALS.unpack(ancillary[0][2][:CREDENTIALS.size])[0]
        return pid

    def read_stderr_tail(self) -> str:
        """Return the end of the standard error."""
        number = self._stderr.fileno()
        size = os.fstat(number).st_size
        text = os.pread(number, MAX_STDERR_TAIL_BYTES,
                        max(0, size - MAX_STDERR_TAIL_BYTES))
        return text.decode('utf-8', 'replace').strip()

    def is_alive(self) -> bool:
        """Return whether the agent runs."""
        with self._lock:
            if self.ended.is_set() or self._agent is None:
                return False
            poller = select.poll()
            poller.register(self._agent, select.POLLIN)
            return not poller.poll(0)

    def stop(self) -> None:
        """Stop the worker without waiting for its end.

        A launcher is not killed: the child of a killed launcher would stay,
        while the child of a running launcher ends with the lifeline.
        """
        with self._lock:
            self._cut_lifeline()
            if self._agent is not None and self.sandboxed:
                # The kernel kills a pid namespace with its first process.
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._agent, signal.SIGKILL)

    def destroy(self, timeout: float) -> None:
        """Stop the worker and wait for the end of all its processes.

        :param timeout: seconds until SIGKILL.
        """
        self.stop()
        if not self.ended.wait(timeout):
            self._popen.kill()
            self.ended.wait(timeout)

    def wait(self) -> None:
        """Wait for the end, then clean up."""
        self._popen.wait()
        with self._lock:
            self._cut_lifeline()
            self.stderr_tail = self.read_stderr_tail()
            self._channel.close()
            if self._agent is not None:
                os.close(self._agent)
                self._agent = None
            self.resources.close()
            self.ended.set()

    def _cut_lifeline(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
