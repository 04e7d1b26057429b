# SPDX-License-Identifier: Apache-2.0
"""Processor time and memory of processes, from ``/proc``."""

from collections.abc import Iterable
import contextlib
import os
import pathlib

TICKS_PER_SECOND = os.sysconf('SC_CLK_TCK')


def read_cpu_ms(pids: Iterable[int]) -> float:
    """Return the processor time of processes so far, in milliseconds."""
    total = 0
    for pid in pids:
        try:
            text = pathlib.Path(f'/proc/{pid}/stat').read_text()
        except OSError:
            continue
        total += sum(map(int, text.rpartition(')')[2].split()[11:13]))
    return total * 1000 / TICKS_PER_SECOND


def list_descendants(pid: int) -> list[int]:
    """Return the ids of all processes below a process."""
    pids: list[int] = []
    # Threads and processes may end meanwhile.
    with contextlib.suppress(FileNotFoundError):
        for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
            with contextlib.suppress(OSError):
                children = (task / 'children').read_text().split()
                for child in map(int, children):
                    pids += [child, *list_descendants(child)]
    return pids


def list_service_processes(pid: int) -> list[int]:
    """Return the ids of a server and of its forks, without the workers.

    Workers are other programs; forks have the command line of the server.
    """
    def read_command(pid: int) -> bytes:
        try:
            return pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
        except OSError:
            return b''
    command = read_command(pid)
    return [pid, *(child for child in list_descendants(pid)
                   if read_command(child) == command)]


def read_private_kib(pid: int) -> int:
    """Return the private memory of a process in KiB."""
    text = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
    return sum(int(line.split()[1]) for line in text.splitlines()
               if line.startswith(('Private_Clean', 'Private_Dirty')))
