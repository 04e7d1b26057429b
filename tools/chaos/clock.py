# SPDX-License-Identifier: Apache-2.0
"""Program of Qinling whose clock another process moves.

The first argument is the name of a module of ``qinling.cmd``, the second a
file with the seconds by which the clock is wrong.  The monotonic clock remains
as it is.
"""

import datetime
import importlib
import pathlib
import sys
import threading
import time

import time_machine

POLL_SECONDS = 0.05


def follow(path: pathlib.Path) -> None:
    """Move the clock as often as the file changes."""
    applied, traveller, pause = 0.0, None, threading.Event()
    while not pause.wait(POLL_SECONDS):
        seconds = read(path)
        if seconds == applied:
            continue
        if traveller is not None:
            traveller.stop()
            traveller = None
        if seconds:
            traveller = time_machine.travel(
                datetime.datetime.fromtimestamp(
                    time.time() + seconds, datetime.timezone.utc))
            traveller.start()
        applied = seconds


def read(path: pathlib.Path) -> float:
    """Return the seconds in a file."""
    return float(path.read_text())


def main() -> None:
    """Run the program."""
    name, path = sys.argv[1], pathlib.Path(sys.argv.pop(2))
    threading.Thread(target=follow, args=(path,), daemon=True).start()
    del sys.argv[0]
    importlib.import_module(f'qinling.cmd.{name}').main()


if __name__ == '__main__':
    main()
