#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Start and stop the server of the quickstart, for ``tools/quickstart.sh``.

Needs the standard library only.
"""

import argparse
from collections.abc import Callable
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

DEFAULT_PORT, MAX_PORT = 7070, 65535
START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 30
#: Opener without a proxy: the server is on the same machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Trouble(Exception):
    """Failure with a sentence for the user; ends the program."""


class Server:
    """Process of qinling-standalone for one state directory."""

    def __init__(self, state: pathlib.Path) -> None:
        self.state = state
        self.log = state / 'server.log'
        self._pid_file = state / 'quickstart.pid'

    def is_running(self) -> bool:
        """Return whether a server holds the lock of the directory."""
        try:
            with open(self.state / 'lock') as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except BlockingIOError:
            return True
        return False

    def find_url(self) -> str | None:
        """Return the URL of a server that answers."""
        try:
            url = (self.state / 'endpoint').read_text().strip()
            with OPENER.open(f'{url}/', timeout=5) as answer:
                json.load(answer)['versions']
        except (OSError, ValueError, KeyError):
            return None
        return url

    def find_pid(self) -> int | None:
        """Return the process id of a server of this script."""
        try:
            pid = int(self._pid_file.read_text())
            words = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
        except (OSError, ValueError):
            return None
        is_server = b'qinling-standalone' in words and (
            os.fsencode(self.state) in words.split(b'\0'))
        return pid if is_server else None

    def start(self, program: str, port: int) -> None:
        """Start the server, and wait for an answer."""
        _check_port(port)
        try:
            self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as e:
            raise Trouble(f'The state directory {self.state} cannot be '
                          f'created: {e.strerror}.') from None
        (self.state / 'endpoint').unlink(missing_ok=True)
        with open(self.log, 'ab') as log:
            start = log.tell()
            process = subprocess.Popen(
                [program, '--state-dir', self.state, '--port', str(port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        self._pid_file.write_text(f'{process.pid}\n')
        try:
            self.wait_for_answer(lambda: process.poll() is not None)
        except Trouble as e:
            process.kill()
            process.wait()
            self._pid_file.unlink()
            raise Trouble(f'{e} The end of {self.log}:\n'
                          f'{self._read_tail(start)}') from None

    def wait_for_answer(self, has_ended: Callable[[], bool]) -> None:
        """Wait until the server answers.

        :param has_ended: return whether the process is gone.
        """
        end = time.monotonic() + START_TIMEOUT_SECONDS
        while not self.find_url():
            if has_ended():
                raise Trouble('The server ended during the start.')
            if time.monotonic() > end:
                raise Trouble('The server does not answer after '
                              f'{START_TIMEOUT_SECONDS} seconds.')
            time.sleep(0.05)

    def _read_tail(self, start: int) -> str:
        with open(self.log, 'rb') as log:
            log.seek(start)
            lines = log.read().decode(errors='replace').splitlines()
        return '\n'.join(f'    {line}' for line in lines[-20:])

    def stop(self) -> str:
        """Stop the server, and return a sentence for the user."""
        pid = self.find_pid()
        if pid is None:
            if self.is_running():
                raise Trouble(
                    f'The server with the state directory {self.state} was '
                    'not started by this script; stop the server yourself.')
            return f'No server runs with the state directory {self.state}.'
        process = os.pidfd_open(pid)
        signal.pidfd_send_signal(process, signal.SIGTERM)
        clean = select.select([process], [], [], STOP_TIMEOUT_SECONDS)[0]
        if not clean:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([process], [], [], STOP_TIMEOUT_SECONDS)
        os.close(process)
        self._pid_file.unlink()
        return ('The server is stopped.' if clean else
                f'The server did not stop in {STOP_TIMEOUT_SECONDS} seconds '
                'and was killed.')


def _parse_port(text: str) -> int:
    """Return a port; the parser reports the error."""
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(
            f'{text} is no port; choose a number from 0 to {MAX_PORT}.')
    return int(text)


def _check_port(port: int) -> None:
    """Raise ``Trouble`` if the port is not free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError as e:
            if e.errno != errno.EADDRINUSE:
                raise Trouble(f'Port {port} cannot be used: {e}.') from None
            raise Trouble(
                f'Port {port} is taken by another program. Choose another '
                'port with --port, or any free port with --port 0.'
            ) from None


def _start(server: Server, program: str, port: int | None) -> None:
    if server.is_running():
        server.wait_for_answer(lambda: not server.is_running())
        url = server.find_url()
        print(f'The server runs already, at {url}.')
        if port and not str(url).endswith(f':{port}'):
            print(f'To use port {port}, stop the server first, with --stop.')
    else:
        server.start(program, DEFAULT_PORT if port is None else port)
        print(f'The server runs now, at {server.find_url()}; its log is '
              f'{server.log}.')


def main(words: list[str]) -> int:
    """Start or stop the server, and return the exit code."""
    parser = argparse.ArgumentParser(
        description='Start or stop the server of the quickstart.',
        usage='tools/quickstart.sh [--stop] [--port N] [--state-dir DIR]')
    parser.add_argument('action', choices=('start', 'stop'))
    parser.add_argument('--state-dir', required=True, type=pathlib.Path)
    parser.add_argument('--port', type=_parse_port)
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
