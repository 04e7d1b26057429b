#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Starts and stops the server of the quickstart.

Standard library only; ``tools/quickstart.sh`` calls it.
"""

import argparse
import errno
import fcntl
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request

STARTED_IN = 60
STOPPED_IN = 30
#: What is answered on this machine is asked without a proxy.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Trouble(Exception):
    """A sentence for the user; the program ends."""


class Server:
    """The qinling-standalone of one state directory."""

    def __init__(self, state):
        self.state = state
        self.log = state / 'server.log'
        self._pid = state / 'quickstart.pid'

    def running(self):
        """Whether there is one: it holds a lock as long as it lives."""
        try:
            with open(self.state / 'lock') as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def url(self):
        """Where it serves, or nothing if it does not yet."""
        try:
            url = (self.state / 'endpoint').read_text().strip()
            with OPENER.open(f'{url}/', timeout=5) as answer:
                json.load(answer)['versions']
        except (OSError, ValueError, KeyError):
            return None
        return url

    def pid(self):
        """The process that we started, or nothing if it is gone."""
        try:
            pid = int(self._pid.read_text())
            words = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
        except (OSError, ValueError):
            return None
        ours = b'qinling-standalone' in words and (
            os.fsencode(self.state) in words.split(b'\0'))
        return pid if ours else None

    def start(self, program, port):
        """Start it, and return once it serves."""
        _check_port(port)
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.state / 'endpoint').unlink(missing_ok=True)
        with open(self.log, 'ab') as log:
            begin = log.tell()
            process = subprocess.Popen(
                [program, '--state-dir', self.state, '--port', str(port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        self._pid.write_text(f'{process.pid}\n')
        try:
            self.wait(lambda: process.poll() is not None)
        except Trouble as e:
            process.kill()
            process.wait()
            self._pid.unlink()
            raise Trouble(f'{e} The end of {self.log}:\n'
                          f'{self._tail(begin)}') from None

    def wait(self, died):
        """Return once it serves."""
        end = time.monotonic() + STARTED_IN
        while not self.url():
            if died():
                raise Trouble('The server ended while it started.')
            if time.monotonic() > end:
                raise Trouble(f'The server does not serve after {STARTED_IN} '
                              'seconds.')
            time.sleep(0.05)

    def _tail(self, begin):
        with open(self.log, 'rb') as log:
            log.seek(begin)
            lines = log.read().decode(errors='replace').splitlines()
        return '\n'.join(f'    {line}' for line in lines[-20:])

    def stop(self):
        """End it, and return a sentence once it is gone."""
        pid = self.pid()
        if pid is None:
            if self.running():
                raise Trouble(
                    f'The server with the state directory {self.state} was '
                    'not started by this script; stop it where it was '
                    'started.')
            return f'No server runs with the state directory {self.state}.'
        process = os.pidfd_open(pid)
        signal.pidfd_send_signal(process, signal.SIGTERM)
        clean = select.select([process], [], [], STOPPED_IN)[0]
        if not clean:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([process], [], [], STOPPED_IN)
        os.close(process)
        self._pid.unlink()
        return ('The server is stopped.' if clean else
                f'The server did not stop in {STOPPED_IN} seconds and was '
                'killed.')


def _check_port(port):
    """Fail if another program listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError as e:
            if e.errno != errno.EADDRINUSE:
                raise Trouble(f'Port {port} cannot be used: {e}.') from None
            raise Trouble(
                f'Port {port} is taken by another program. Name another one '
                'with --port, or say --port 0 for any that is free.'
            ) from None


def _start(server, program, port):
    if server.running():
        server.wait(lambda: not server.running())
        print(f'The server runs already, at {server.url()}.')
    else:
        server.start(program, port)
        print(f'The server runs now, at {server.url()}; its log is '
              f'{server.log}.')


def main(words):
    """``start`` or ``stop``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('action', choices=('start', 'stop'))
    parser.add_argument('--state-dir', required=True, type=pathlib.Path)
    parser.add_argument('--port', type=int, default=7070)
    parser.add_argument('--program', default='qinling-standalone')
    args = parser.parse_args(words)
    server = Server(args.state_dir.absolute())
    try:
        if args.action == 'start':
            _start(server, args.program, args.port)
        else:
            print(server.stop())
    except Trouble as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
