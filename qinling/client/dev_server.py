# SPDX-License-Identifier: Apache-2.0
"""Private server of a developer, in a directory of a project."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import ctypes
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from qinling.client import exceptions

PROGRAM = 'qinling-standalone'
START_SECONDS, STOP_SECONDS = 60, 30
_POLL_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1  # of prctl(2)


@contextlib.contextmanager
def run(directory: pathlib.Path) -> Iterator[str]:
    """Run a server until the end of the block; yield its URL.

    :param directory: state of the server; remains for the next start.
    :raises ClientError: the server does not start.
    """
    endpoint, log = directory / 'endpoint', directory / 'server.log'
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    endpoint.unlink(missing_ok=True)
    with log.open('wb') as output:
        process = subprocess.Popen(
            [find_program(), '--state-dir', str(directory), '--port', '0'],
            stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=_end_with_parent)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not endpoint.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise exceptions.ClientError(
                    f'The private server does not start:\n{_tail(log)}\n'
                    f'The whole log is {log}.')
            time.sleep(_POLL_SECONDS)
        yield endpoint.read_text().strip()
    finally:
        _stop(process)


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


def _end_with_parent() -> None:
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
