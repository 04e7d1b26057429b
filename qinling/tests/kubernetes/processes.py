# SPDX-License-Identifier: Apache-2.0
"""The kubelet's side of :mod:`.containerd`."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       'containerd.py')


class Processes:
    """Containers as processes, by id."""

    def __init__(self):
        ours, theirs = socket.socketpair()
        self._channel = ours
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._listeners = {}
        self._popen = subprocess.Popen(
            [os.path.realpath(sys.executable), '-I', '-S', PROGRAM],
            stdin=theirs, env={}, cwd='/', start_new_session=True)
        theirs.close()
        self._reader = threading.Thread(target=self._read, daemon=True,
                                        name='containerd')
        self._reader.start()

    def start(self, id, listener, **order):
        """Start a container.

        :param listener: a function to receive the messages about the
            container.
        :param order: ``argv``, ``env``, ``cwd`` and ``log``.
        """
        with self._lock:
            self._listeners[id] = listener
        self._send(do='start', id=id, **order)

    def signal(self, id, number, all=False):
        """Signal the first process of a container, or all."""
        self._send(do='signal', id=id, number=int(number), all=all)

    def freeze(self, id, frozen=True):
        """Stop or continue a container's processes."""
        self.signal(id, signal.SIGSTOP if frozen else signal.SIGCONT, True)

    def close(self):
        """Kill everything.

        :raises AssertionError: the runtime program has failed.
        """
        self._channel.shutdown(socket.SHUT_WR)
        code = self._popen.wait()
        self._reader.join()
        self._channel.close()
        if code:
            raise AssertionError(f'containerd ended with {code}.')

    def _send(self, **message):
        data = json.dumps(message).encode() + b'\n'
        with self._sending:
            try:
                self._channel.sendall(data)
            except OSError:
                # It is being closed.
                return

    def _read(self):
        with self._channel.makefile('rb') as source:
            for line in source:
                message = json.loads(line)
                with self._lock:
                    listener = self._listeners.get(message['id'])
                    if message['event'] != 'started':
                        self._listeners.pop(message['id'], None)
                if listener:
                    listener(message)
