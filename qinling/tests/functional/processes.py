# SPDX-License-Identifier: Apache-2.0
"""The processes of this machine, any of which may end while it is looked
at."""

import contextlib
import pathlib

#: What is raised of a process that has ended: ESRCH comes from files that
#: were opened before.
GONE = (FileNotFoundError, ProcessLookupError)


def children(pid):
    """Ids of the processes that one has made."""
    found = []
    with contextlib.suppress(*GONE):
        for task in list(pathlib.Path(f'/proc/{pid}/task').iterdir()):
            # A thread that ends has no children; the others have theirs.
            with contextlib.suppress(*GONE):
                found += map(int, (task / 'children').read_text().split())
    return found


def descendants(pid):
    """Ids of all processes below one."""
    return [each for child in children(pid)
            for each in (child, *descendants(child))]


def alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        text = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except GONE:
        return False
    return text.rpartition(')')[2].split()[0] != 'Z'


def sleepers(pid):
    """Ids of the processes below one that run the program ``sleep``: of
    functions that have begun, as can be seen from outside."""
    found = []
    for each in descendants(pid):
        with contextlib.suppress(*GONE):
            if pathlib.Path(f'/proc/{each}/comm').read_text() == 'sleep\n':
                found.append(each)
    return found
