# SPDX-License-Identifier: Apache-2.0
"""Runtime with containers as processes, a separate program.

``python -I -S containerd.py``, with a stream socket as standard input for
lines of JSON in both directions; the end of the socket kills all containers,
so no process outlives the tests.  Commands::

    {"do": "start", "id": ..., "argv": [...], "env": {...}, "cwd": ...,
     "log": <path>}
    {"do": "signal", "id": ..., "number": ..., "all": true or false}

The answers are ``{"id": ..., "event": "started", "pid": ...}``, ``"failed"``
with an ``error``, and ``"ended"`` with a ``code``, below zero for a signal.
The end of the first process of a container ends all processes of the
container, as in a namespace.  Logs follow the container runtime interface: a
time on every line.
"""

import contextlib
import ctypes
import datetime
import json
import os
import selectors
import signal
import socket

PR_SET_CHILD_SUBREAPER = 36
CHUNK = 1 << 16
LONGEST_LINE = 16 << 10


def children(pid):
    """Return the pids of the children of a process."""
    pids = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f'/proc/{pid}/task'):
            # One that ends has none; the others have theirs.
            with contextlib.suppress(OSError), open(
                    f'/proc/{pid}/task/{thread}/children') as source:
                pids += map(int, source.read().split())
    return pids


def tree(pid):
    """Return the pids of a process and of all descendants."""
    return [pid] + [descendant for child in children(pid)
                    for descendant in tree(child)]


def send(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


class Container:
    """Running container."""

    def __init__(self, id, pid, pipe, log):
        self.id = id
        self.pid = pid
        self.pipe = pipe
        self.log = log
        self._rest = b''

    def read(self):
        """Write the output to the log; return whether more may follow."""
        try:
            data = os.read(self.pipe, CHUNK)
        except BlockingIOError:
            return False
        lines = (self._rest + data).split(b'\n')
        self._rest = lines.pop()
        for line in lines:
            self._write(line)
        if self._rest and (not data or len(self._rest) > LONGEST_LINE):
            self._write(self._rest, b'F' if not data else b'P')
            self._rest = b''
        return bool(data)

    def _write(self, line, tag=b'F'):
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp = now.strftime('%Y-%m-%dT%H:%M:%S.%f000Z').encode()
        os.write(self.log, b'%s stdout %s %s\n' % (stamp, tag, line))

    def close(self):
        while self.read():
            pass
        if self._rest:
            self._write(self._rest)
        os.close(self.pipe)
        os.close(self.log)


class Runtime:
    """Starter, signaller and reaper of processes."""

    def __init__(self, channel):
        self._channel = channel
        self._buffer = b''
        self._containers = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(channel, selectors.EVENT_READ, self._receive)
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        self._children = reader
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(writer)
        self._selector.register(reader, selectors.EVENT_READ, self._reap)
        self._open = True

    def run(self):
        while self._open:
            for key, _events in self._selector.select():
                key.data()
        for container in self._containers.values():
            for pid in tree(container.pid):
                send(pid, signal.SIGKILL)
        self._kill_orphans(include_containers=True)

    def _send(self, **message):
        with contextlib.suppress(OSError):
            self._channel.sendall(json.dumps(message).encode() + b'\n')

    def _receive(self):
        try:
            data = self._channel.recv(CHUNK)
        except OSError:
            data = b''
        if not data:
            self._open = False
            return
        *lines, self._buffer = (self._buffer + data).split(b'\n')
        for line in lines:
            message = json.loads(line)
            getattr(self, '_do_' + message.pop('do'))(**message)

    def _do_start(self, id, argv, env, cwd, log):
        try:
            record = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND,
                             0o600)
        except OSError as gone:
            # The pod was removed meanwhile.
            self._send(id=id, event='failed', error=str(gone))
            return
        pipe, output = os.pipe()
        trouble, write_end = os.pipe()
        pid = os.fork()
        if not pid:
            _become(argv, env, cwd, output, write_end)
        os.close(output)
        os.close(write_end)
        error = os.read(trouble, CHUNK)
        os.close(trouble)
        if error:
            os.close(pipe)
            os.close(record)
            os.waitpid(pid, 0)
            self._send(id=id, event='failed', error=error.decode())
            return
        os.set_blocking(pipe, False)
        container = Container(id, pid, pipe, record)
        self._containers[id] = container
        self._selector.register(
            pipe, selectors.EVENT_READ, lambda: self._print(container))
        self._send(id=id, event='started', pid=pid)

    def _print(self, container):
        # It may have been reaped by what came just before.
        if container.id in self._containers and not container.read():
            self._unregister(container)

    def _unregister(self, container):
        with contextlib.suppress(KeyError):
            self._selector.unregister(container.pipe)

    def _do_signal(self, id, number, all=False):
        container = self._containers.get(id)
        if container is None:
            return
        for pid in tree(container.pid) if all else [container.pid]:
            send(pid, number)

    def _reap(self):
        with contextlib.suppress(BlockingIOError):
            while os.read(self._children, CHUNK):
                pass
        ended = []
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                ended += [(container, status) for container in
                          self._containers.values() if container.pid == pid]
        for container, _status in ended:
            del self._containers[container.id]
        if ended:
            self._kill_orphans()
        for container, status in ended:
            self._unregister(container)
            container.close()
            self._send(id=container.id, event='ended',
                       code=os.waitstatus_to_exitcode(status))

    def _kill_orphans(self, include_containers=False):
        """Kill processes without a container, until no such process remains.
        """
        while True:
            container_pids = set() if include_containers else {
                container.pid for container in self._containers.values()}
            orphans = [pid for pid in children(os.getpid())
                       if pid not in container_pids]
            if not orphans:
                return
            for pid in orphans:
                for descendant in tree(pid):
                    send(descendant, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def _become(argv, env, cwd, output, write_end):
    """Turn a new process into a container; never return."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE,
                       signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.chdir(cwd)
        os.execvpe(argv[0], argv, env)
    except BaseException as error:
        os.write(write_end, str(error).encode() or b'?')
    finally:
        os._exit(127)


def main():
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    Runtime(socket.socket(fileno=0)).run()


if __name__ == '__main__':
    main()
