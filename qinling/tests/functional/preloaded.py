# SPDX-License-Identifier: Apache-2.0
"""Start of programs from a process that has imported their modules.

Imports are most of the work of a start.  A test process has one process that
imports the programs and forks; the tests of installations and documents start
programs as users do.
"""

import array
import faulthandler
import functools
import gc
import importlib
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import threading

PROGRAMS = ('qinling.cmd.api', 'qinling.cmd.engine', 'qinling.cmd.standalone')
#: Modules that the programs import at run time, by their configuration.
LATER = ('qinling.threading_backend', 'pymysql',
         'oslo_messaging._drivers.impl_rabbit',
         'sqlalchemy.dialects.mysql.pymysql', 'logging.config',
         'qinling.orchestrators.process.driver')
CHECKOUT = pathlib.Path(__file__).parents[3]
_MAX_REQUEST_BYTES = 1 << 16


class Process:
    """Running program, with the methods of :class:`subprocess.Popen`."""

    def __init__(self, launcher, pid):
        self.pid = pid
        self.returncode = None
        self._launcher = launcher
        self._descriptor = os.pidfd_open(pid)

    def poll(self):
        return self._wait(0)

    def wait(self, timeout=None):
        if self._wait(timeout) is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return self.returncode

    def _wait(self, timeout):
        if self.returncode is None:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            if poll.poll(None if timeout is None else 1000 * timeout):
                self.returncode = self._launcher.ask({'ended': self.pid})
                os.close(self._descriptor)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            signal.pidfd_send_signal(self._descriptor, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        self.send_signal(signal.SIGTERM)


class Launcher:
    """Client of the process that has the modules.

    :param python: interpreter, perhaps of another environment.
    :param modules: imported before the first start.
    """

    def __init__(self, python, modules):
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX,
                                                 socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [python, '-c', 'from qinling.tests.functional import '
                 f'preloaded; preloaded.serve({theirs.fileno()}, {modules})'],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                env=dict(os.environ, PYTHONPATH=str(CHECKOUT)))

    def ask(self, request, descriptor=None):
        """Return the answer to a request."""
        with self._lock:
            self._socket.sendmsg(
                [json.dumps(request).encode()], [] if descriptor is None else [
                    (socket.SOL_SOCKET, socket.SCM_RIGHTS,
                     array.array('i', [descriptor]))])
            return json.loads(self._socket.recv(_MAX_REQUEST_BYTES))

    def start(self, name, words, log, environ):
        """Start a program in a new session.

        :param name: module with ``main``, of ``qinling.cmd`` without dots.
        :param log: file of its output.
        """
        return Process(self, self.ask(
            {'name': name, 'words': words, 'environ': environ}, log.fileno()))


@functools.cache
def launcher(python=sys.executable, modules=(*LATER, *PROGRAMS)):
    """Return the launcher of this process for an interpreter."""
    return Launcher(python, modules)


def serve(descriptor, modules):
    """Fork programs until the other side closes the connection."""
    for name in modules:
        importlib.import_module(name)
    if threading.active_count() > 1:
        raise AssertionError(f'Threads: {threading.enumerate()}')
    gc.freeze()
    with socket.socket(fileno=descriptor) as connection:
        request = _fork_programs(connection)
    if request is not None:
        sys.exit(importlib.import_module(_module(request['name'])).main())


def _module(name):
    """Return the module of a program of the project or of the tests."""
    return name if '.' in name else f'qinling.cmd.{name}'


def _fork_programs(connection):
    """Return the request in the child, ``None`` at the end."""
    running = set()
    while True:
        data, descriptors, _, _ = socket.recv_fds(
            connection, _MAX_REQUEST_BYTES, 1)
        if not data:
            # The test process died before it stopped these.
            for pid in running:
                os.killpg(pid, signal.SIGKILL)
            return None
        request = json.loads(data)
        if 'ended' in request:
            _, status = os.waitpid(request['ended'], 0)
            running.remove(request['ended'])
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if not answer:
                _become(request, descriptors[0])
                return request
            running.add(answer)
            os.close(descriptors[0])
        connection.send(json.dumps(answer).encode())


def _become(request, log):
    """Give the process what a new program has."""
    os.setsid()
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.environ.clear()
    os.environ.update(request['environ'])
    name, words = request['name'], request['words']
    sys.argv = [name, *words]
    sys.orig_argv = [
        sys.executable, '-c', f'import sys, {_module(name)} as program; '
        f'sys.argv[0] = "{name}"; sys.exit(program.main())', *words]
    faulthandler.enable()
