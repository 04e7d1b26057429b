# SPDX-License-Identifier: Apache-2.0
"""What runs containers as processes, a program of its own.

``python -I -S containerd.py``, with a stream socket as standard input that
carries lines of JSON both ways; its end kills everything, so nothing outlives
the tests.  It understands::

    {"do": "start", "id": ..., "argv": [...], "env": {...}, "cwd": ...,
     "log": <path>}
    {"do": "signal", "id": ..., "number": ..., "all": true or false}

and tells ``{"id": ..., "event": "started", "pid": ...}``, ``"failed"`` with
an ``error``, and ``"ended"`` with a ``code``, below zero for a signal.  The
end of the first process of a container is the end of all its processes, as it
is in a namespace.  Logs are written as the container runtime interface wants
them: each line with its time.
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
    """The pids of the children of a process."""
    found = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f'/proc/{pid}/task'):
            # One that ends has none; the others have theirs.
            with contextlib.suppress(OSError), open(
                    f'/proc/{pid}/task/{thread}/children') as source:
                found += map(int, source.read().split())
    return found


def tree(pid):
    """A process and all below it."""
    return [pid] + [each for child in children(pid) for each in tree(child)]


def send(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


class Container:
    """One running container."""

    def __init__(self, id, pid, pipe, log):
        self.id = id
        self.pid = pid
        self.pipe = pipe
        self.log = log
        self._rest = b''

    def read(self):
        """Write what was printed to the log; tells whether there may be
        more."""
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
    """Starts, signals and reaps."""

    def __init__(self, channel):
        self._channel = channel
        self._buffer = b''
        self._containers = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(channel, selectors.EVENT_READ, self._hear)
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
            for found, _events in self._selector.select():
                found.data()
        for container in self._containers.values():
            for pid in tree(container.pid):
                send(pid, signal.SIGKILL)
        self._kill_orphans(every=True)

    def _tell(self, **message):
        with contextlib.suppress(OSError):
            self._channel.sendall(json.dumps(message).encode() + b'\n')

    def _hear(self):
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
            self._tell(id=id, event='failed', error=str(gone))
            return
        pipe, output = os.pipe()
        trouble, told = os.pipe()
        pid = os.fork()
        if not pid:
            _become(argv, env, cwd, output, told)
        os.close(output)
        os.close(told)
        error = os.read(trouble, CHUNK)
        os.close(trouble)
        if error:
            os.close(pipe)
            os.close(record)
            os.waitpid(pid, 0)
            self._tell(id=id, event='failed', error=error.decode())
            return
        os.set_blocking(pipe, False)
        container = Container(id, pid, pipe, record)
        self._containers[id] = container
        self._selector.register(
            pipe, selectors.EVENT_READ, lambda: self._print(container))
        self._tell(id=id, event='started', pid=pid)

    def _print(self, container):
        # It may have been reaped by what came just before.
        if container.id in self._containers and not container.read():
            self._silence(container)

    def _silence(self, container):
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
                ended += [(each, status) for each in
                          self._containers.values() if each.pid == pid]
        for container, _status in ended:
            del self._containers[container.id]
        if ended:
            self._kill_orphans()
        for container, status in ended:
            self._silence(container)
            container.close()
            self._tell(id=container.id, event='ended',
                       code=os.waitstatus_to_exitcode(status))

    def _kill_orphans(self, every=False):
        """Kill what has lost its container, until nothing is left."""
        while True:
            known = set() if every else {
                each.pid for each in self._containers.values()}
            lost = [pid for pid in children(os.getpid()) if pid not in known]
            if not lost:
                return
            for pid in lost:
                for each in tree(pid):
                    send(each, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def _become(argv, env, cwd, output, told):
    """Turn a new process into a container; never returns."""
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
        os.write(told, str(error).encode() or b'?')
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
