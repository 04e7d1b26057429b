# SPDX-License-Identifier: Apache-2.0
"""Private server of a developer, in a directory of a project."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import ctypes
import fcntl
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from qinling.client import exceptions
from qinling.client import v1

PROGRAM = 'qinling-standalone'
START_SECONDS, STOP_SECONDS = 120, 30
#: Seconds to wait for the end of another command in a directory.
LOCK_SECONDS = 30
#: URL of a server that other commands may use, too.
SHARED = 'shared'
_CONFIGURATION, _COMMAND_LOCK = 'server.conf', 'command.lock'
_POLL_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1  # of prctl(2)

#: Options of a private server: few idle workers, since one developer waits
#: for their start, and room for the output and the duration of tests.
_OPTIONS = '''\
[process]
pool_size = 1
allow_network = {network}
[engine]
max_log_size = 16777216
[resource_limits]
max_timeout = {timeout}
max_package_size = 268435456
max_unpacked_size = 536870912
'''
#: Seconds of the longest execution: a day, for a breakpoint over lunch.
MAX_TIMEOUT_SECONDS = 86400


class Occupied(exceptions.ClientError):
    """Another command has a server in the directory."""


@contextlib.contextmanager
def run(directory: pathlib.Path, network: bool = False,
        shared: bool = False) -> Iterator[str]:
    """Run a server until the end of the block; yield its URL.

    :param directory: state of the server; remains for the next start.
    :param network: functions have the network of this machine.
    :param shared: other commands may use the server.
    :raises ClientError: the server does not start, or another command uses
        the directory.
    """
    endpoint, log = directory / 'endpoint', directory / 'server.log'
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(directory):
        endpoint.unlink(missing_ok=True)
        (directory / _CONFIGURATION).write_text(_OPTIONS.format(
            network=network, timeout=MAX_TIMEOUT_SECONDS))
        with log.open('wb') as output:
            process = subprocess.Popen(
                _build_command(directory), stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=end_with_parent)
        try:
            url = _wait_ready(process, endpoint, log)
            if shared:
                (directory / SHARED).write_text(url)
            yield url
        finally:
            (directory / SHARED).unlink(missing_ok=True)
            _stop(process)


@contextlib.contextmanager
def debug(directory: pathlib.Path) -> Iterator[v1.Client]:
    """Yield a client of a private server whose functions can listen.

    A debugger listens on this machine, so functions have its network.

    :param directory: state of the project.
    """
    with run(directory / 'debug', network=True) as url:
        yield create_client(url)


@contextlib.contextmanager
def connect(directory: pathlib.Path) -> Iterator[v1.Client]:
    """Yield a client of a private server, which may run already.

    :param directory: state of the server.
    """
    with contextlib.ExitStack() as stack:
        client = _find_running(directory)
        if client is None:
            try:
                client = create_client(stack.enter_context(run(directory)))
            except Occupied:
                client = _find_running(directory)
                if client is None:
                    raise
        yield client


def create_client(url: str) -> v1.Client:
    """Return a client of a private server."""
    from qinling.client import direct

    return v1.Client(sender=direct.Sender(url, True, None))


def _find_running(directory: pathlib.Path) -> v1.Client | None:
    """Return a client of a shared server that answers."""
    try:
        client = create_client((directory / SHARED).read_text())
        client.ping()
    except (OSError, exceptions.ClientError):
        return None
    return client


def _build_command(directory: pathlib.Path) -> list[str]:
    return [find_program(), '--config-file', str(directory / _CONFIGURATION),
            '--state-dir', str(directory), '--port', '0', '--processes', '1']


@contextlib.contextmanager
def _lock(directory: pathlib.Path) -> Iterator[None]:
    """Hold the lock of a directory; wait for the end of a short command.

    :raises Occupied: another command runs for long.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    with open(directory / _COMMAND_LOCK, 'a', encoding='utf-8') as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline or _find_running(directory):
                    raise Occupied(
                        f'Another command uses {directory}; end that command '
                        'first.') from None
                time.sleep(_POLL_SECONDS)
        yield


def _wait_ready(process: subprocess.Popen[bytes], endpoint: pathlib.Path,
                log: pathlib.Path) -> str:
    """Return the URL of a server that has started.

    :raises ClientError: the server does not start.
    """
    deadline = time.monotonic() + START_SECONDS
    while not endpoint.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise exceptions.ClientError(
                f'The private server does not start:\n{_tail(log)}\n'
                f'The whole log is {log}.')
        time.sleep(_POLL_SECONDS)
    return endpoint.read_text().strip()


def find_program() -> str:
    """Return the path of the server.

    :raises ClientError: the server is not installed.
    """
    beside = pathlib.Path(sys.executable).with_name(PROGRAM)
    path = str(beside) if beside.exists() else shutil.which(PROGRAM)
    if path is None:
        raise exceptions.ClientError(
            f'There is no {PROGRAM} here; use a running server with '
            '--on-server.')
    return path


def end_with_parent() -> None:
    """Let the kernel end this process after the death of its parent."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: pathlib.Path) -> str:
    lines = log.read_text(errors='replace').splitlines()
    return '\n'.join(lines[-5:])
