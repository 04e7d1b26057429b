# SPDX-License-Identifier: Apache-2.0
"""Processes of this machine.

Any process may end during inspection.
"""

import contextlib
import pathlib

#: Errors of a process that has ended: ESRCH comes from files that
#: were opened before.
GONE = (FileNotFoundError, ProcessLookupError)


def children(pid):
    """Return the ids of the children of a process."""
    pids = []
    with contextlib.suppress(*GONE):
        for task in list(pathlib.Path(f'/proc/{pid}/task').iterdir()):
            # A thread that ends has no children; the others have theirs.
            with contextlib.suppress(*GONE):
                pids += map(int, (task / 'children').read_text().split())
    return pids


def descendants(pid):
    """Return the ids of all processes below a process."""
    return [process for child in children(pid)
            for process in (child, *descendants(child))]


def alive(pid):
    """Return whether a process runs; a zombie does not."""
    try:
        text = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except GONE:
        return False
    return text.rpartition(')')[2].split()[0] != 'Z'


def sleepers(pid):
    """Return the ids of the processes below ``pid`` with the program
    ``sleep``.

    Such processes belong to running functions.
    """
    pids = []
    for process in descendants(pid):
        with contextlib.suppress(*GONE):
            if pathlib.Path(f'/proc/{process}/comm').read_text() == 'sleep\n':
                pids.append(process)
    return pids
