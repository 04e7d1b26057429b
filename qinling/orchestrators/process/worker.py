# SPDX-License-Identifier: Apache-2.0
"""The life of one worker: started, ready, limited, ended, cleaned up."""

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

from qinling.orchestrators.process import confinement
from qinling.orchestrators.process import languages
from qinling.orchestrators.process import plan as plans

CREDENTIALS = struct.Struct('iII')  # pid, uid and gid of who wrote
MAX_PATH = 107       # bytes that the path of a Unix socket may have
MAX_COMPLAINT = 4000  # bytes of a worker's last words that are shown
BACKLOG = 64
END_PATIENCE = 1.0   # seconds that a failed start may take to end by itself
SEARCH_PATH = '/usr/local/bin:/usr/bin:/bin'


class StartFailed(Exception):
    """A worker did not become ready, with what it said."""


class Directory:
    """The private directory of sockets.

    It is opened once: a socket whose path would be too long for the kernel
    is reached through the open directory, which works in this process only.
    """

    def __init__(self, path):
        self.path = path
        self.number = os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def listen(self, name):
        """A listening socket and its path."""
        path = os.path.join(self.path, f'{name}.sock')
        if len(os.fsencode(path)) > MAX_PATH:
            path = f'/proc/self/fd/{self.number}/{name}.sock'
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(path)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener, path

    def close(self):
        os.close(self.number)


class Users:
    """Numbers of users, one for each worker, beginning at ``first``.

    Every process that owns a driver has a block of its own, so that limits
    per user are limits per worker.
    """

    BLOCK, BLOCKS = 1024, 65536

    def __init__(self, first):
        self._first = first + os.getpid() % self.BLOCKS * self.BLOCK
        self._taken = set()
        self._lock = threading.Lock()

    def take(self):
        with self._lock:
            uid = next(number for number in range(
                self._first, self._first + self.BLOCK)
                if number not in self._taken)
            self._taken.add(uid)
        return uid

    def give(self, uid):
        with self._lock:
            self._taken.discard(uid)


class Starter:
    """Starts workers, all in the same way.

    :param options: the configuration group ``process``.
    :param directory: a :class:`Directory`.
    :param launcher: see :mod:`.launchers`.
    :param plan: a :class:`.plan.Plan`.
    :param programs: :class:`.languages.Programs`.
    :param cgroups: see :mod:`.cgroups`.
    """

    def __init__(self, options, directory, launcher, plan, programs,
                 cgroups):
        self._options = options
        self._directory = directory
        self._plan = plan
        self._programs = programs
        self._cgroups = cgroups
        self.launcher = launcher
        self.confinement = confinement.Confinement(plan, launcher)
        self.users = None
        if launcher.sandboxed and os.geteuid() == 0:
            self.users = Users(options.first_uid)

    def launch(self, image, network=False):
        """Start the program of a worker for ``image``; returns a
        :class:`Process` that is not ready yet.

        :param network: it has one, even if functions have none.

        :raises StartFailed: not even that.
        """
        name = secrets.token_hex(8)
        try:
            with contextlib.ExitStack() as stack:
                process = self._launch(name, image, network, stack)
                process.resources = stack.pop_all()
                return process
        except (OSError, StopIteration) as error:
            raise StartFailed(f'It cannot be started: {error}') from error

    def _launch(self, name, image, network, stack):
        uid = None
        if self.users:
            uid = self.users.take()
            stack.callback(self.users.give, uid)
        group = self._cgroups.make(name)
        stack.callback(group.remove)
        listener, path = self._directory.listen(name)
        stack.callback(_unlink, path)
        stack.enter_context(listener)
        settings = dict(self._settings(image, name, stack), uid=uid,
                        listen=f'fd:{listener.fileno()}',
                        secret=secrets.token_urlsafe(32))
        complaints = stack.enter_context(
            tempfile.TemporaryFile(dir=self._directory.path))
        plan = plans.online(self._plan) if network else self._plan
        popen, lifeline, channel = self._execute(
            plan, uid, listener, complaints)
        process = Process(name, popen, lifeline, channel, complaints)
        process.group = group
        process.settings = settings
        process.address = f'unix:{path}'
        process.sandboxed = self.launcher.sandboxed
        return process

    def _execute(self, plan, uid, listener, complaints):
        if self.launcher.sandboxed:
            plan = plans.for_user(
                plan, plans.SANDBOX_UID if uid is None else uid)
        command = self.launcher.command(
            plan, [self._programs.python, '-I', '-S',
                   os.path.join(self._shown(), 'agent.py')])
        stdin, lifeline = os.pipe()
        channel, stdout = socket.socketpair()
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        try:
            popen = subprocess.Popen(
                command.words, stdin=stdin, stdout=stdout, stderr=complaints,
                pass_fds=[listener.fileno(), *command.descriptors], env={},
                cwd='/', start_new_session=True)
        except OSError:
            os.close(lifeline)
            channel.close()
            raise
        finally:
            stdout.close()
            for number in (stdin, *command.descriptors):
                os.close(number)
        return popen, lifeline, channel

    def _shown(self):
        """Where a worker sees the agent and the bootstraps."""
        if self.launcher.sandboxed:
            return plans.AGENT
        return languages.DIRECTORY

    def _settings(self, image, name, stack):
        """The agent's settings that do not depend on the start."""
        options = self._options
        code, temporary = plans.CODE, '/tmp'
        if not self.launcher.sandboxed:
            private = os.path.join(self._directory.path, f'{name}.worker')
            stack.callback(shutil.rmtree, private, ignore_errors=True)
            code = os.path.join(private, 'code')
            temporary = os.path.join(private, 'tmp')
            os.makedirs(code, 0o700)
            os.mkdir(temporary, 0o700)
        return {
            'code': code,
            'bootstrap': languages.bootstrap(image, self._programs,
                                             self._shown()),
            'environment': {'PATH': SEARCH_PATH, 'LANG': 'C.UTF-8',
                            'HOME': temporary, 'TMPDIR': temporary},
            'processes': options.processes if self.launcher.sandboxed else 0,
            'open_files': options.open_files,
            'file_size': options.file_size * plans.MIB,
            'max_body_size': options.max_package_size * plans.MIB,
            'start_timeout': options.start_timeout,
            **self.confinement.settings(code, temporary),
        }


class Process:
    """A worker's process.  One thread owns it, which calls
    :meth:`await_ready` and :meth:`wait`; any thread may end it."""

    def __init__(self, name, popen, lifeline, channel, complaints):
        self.name = name
        self.gone = threading.Event()
        self.resources = contextlib.ExitStack()
        self.last_words = ''
        self._popen = popen
        self._lifeline = lifeline
        self._channel = channel
        self._complaints = complaints
        self._lock = threading.Lock()
        self._agent = None  # pidfd

    @property
    def secret(self):
        return self.settings['secret']

    def await_ready(self, timeout):
        """Give the agent its settings and wait until it is up.

        :raises StartFailed: it is not; it has been ended then.
        :raises OSError: the same.
        """
        deadline = time.monotonic() + timeout
        try:
            pid = self._hear(b'started\n', deadline)
            with self._lock:
                self._agent = os.pidfd_open(pid)
            self.group.add(pid)
            self._tell_settings()
            self._hear(b'ready\n', deadline)
        except BaseException:
            self.end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(END_PATIENCE)
            self._popen.kill()
            self.wait()
            raise

    def _tell_settings(self):
        with self._lock:
            if self._lifeline is None:
                raise StartFailed('It was ended before it was ready.')
            os.write(self._lifeline,
                     json.dumps(self.settings).encode() + b'\n')

    def _hear(self, wanted, deadline):
        """Wait for a line of the agent; returns its pid."""
        self._channel.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            data, ancillary, _flags, _address = self._channel.recvmsg(
                len(wanted), socket.CMSG_SPACE(CREDENTIALS.size))
        except TimeoutError:
            raise StartFailed(f'It was not {wanted.decode().strip()} in time. '
                              f'{self.complaint()}') from None
        if data != wanted:
            raise StartFailed(self.complaint() or 'It ended without a word.')
        return CREDENTIALS.unpack(ancillary[0][2][:CREDENTIALS.size])[0]

    def complaint(self):
        """The end of what the worker wrote to its standard error."""
        number = self._complaints.fileno()
        size = os.fstat(number).st_size
        text = os.pread(number, MAX_COMPLAINT, max(0, size - MAX_COMPLAINT))
        return text.decode('utf-8', 'replace').strip()

    def alive(self):
        """Whether the agent runs."""
        with self._lock:
            if self.gone.is_set() or self._agent is None:
                return False
            poller = select.poll()
            poller.register(self._agent, select.POLLIN)
            return not poller.poll(0)

    def end(self):
        """Make the worker end, without waiting for it.

        A launcher that is not done yet is left alone: what it is about to
        start ends by itself, and would outlive the launcher.
        """
        with self._lock:
            self._cut_lifeline()
            if self._agent is not None and self.sandboxed:
                # The first process of a namespace takes all with it.
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._agent, signal.SIGKILL)

    def destroy(self, patience):
        """End the worker and wait until nothing is left of it; after
        ``patience`` seconds with force."""
        self.end()
        if not self.gone.wait(patience):
            self._popen.kill()
            self.gone.wait(patience)

    def wait(self):
        """Wait for the end and clean up."""
        self._popen.wait()
        with self._lock:
            self._cut_lifeline()
            self.last_words = self.complaint()
            self._channel.close()
            if self._agent is not None:
                os.close(self._agent)
                self._agent = None
            self.resources.close()
            self.gone.set()

    def _cut_lifeline(self):
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None


def _unlink(path):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
