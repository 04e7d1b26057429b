# SPDX-License-Identifier: Apache-2.0
"""Private directory of the driver."""

import fcntl
import os
import shutil

from qinling import exception
from qinling.orchestrators.process import worker as workers


def open_directory(path: str) -> workers.Directory:
    """Return the private directory at a path, locked and empty.

    :raises PermanentError: another process uses the directory.
    """
    os.makedirs(path, 0o700, exist_ok=True)
    os.chmod(path, 0o700)
    directory = workers.Directory(path)
    try:
        fcntl.flock(directory.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        directory.close()
        raise exception.PermanentError(
            f'Another process uses the directory {path}.') from None
    for entry in os.scandir(path):
        # Delete the remains of a killed service.
        if entry.name.endswith('.sock'):
            os.unlink(entry.path)
        elif entry.name.endswith('.worker'):
            shutil.rmtree(entry.path)
    return directory
