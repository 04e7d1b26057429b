# SPDX-License-Identifier: Apache-2.0
"""Servers and programs of a cloud within reach of faults."""

import contextlib
import os
import pathlib
import subprocess
import sys

from qinling.tests.functional import base
from qinling.tests.functional import daemons

#: MiB of the file system of a database.
DISK_MIB = 3072
#: Name of the file that fills the disk.
FILLER = 'filler'
CLOCK = pathlib.Path(__file__).parent / 'clock.py'


class _Disk(daemons.Sql):
    """Database server with a separate file system, as root."""

    name = 'database'

    def prepare(self) -> None:
        """Mount the file system, and install the server there."""
        if os.getuid() == 0:
            status = self.data.stat()
            subprocess.run(
                ['mount', '-t', 'tmpfs', '-o',
                 f'size={DISK_MIB}m,mode=0700,uid={status.st_uid},'
                 f'gid={status.st_gid}', 'chaos', self.data], check=True)
            self.addCleanup(self._unmount)
            # The server has to end first.
            self.addCleanup(self.kill)
        super().prepare()  # type: ignore[misc]

    def _unmount(self) -> None:
        subprocess.run(['umount', '-l', self.data], check=True)

    @property
    def has_disk(self) -> bool:
        """Return whether :meth:`fill` does no harm to others."""
        return os.path.ismount(self.data)

    def fill(self) -> None:
        """Leave no space for the server."""
        with (self.data / FILLER).open('wb') as file:
            # The server may take some of the space meanwhile.
            with contextlib.suppress(OSError):
                while free := _count_free(self.data):
                    os.posix_fallocate(
                        file.fileno(), file.seek(0, os.SEEK_END), free)

    def empty(self) -> None:
        """Give the space back; restart the server after an end."""
        (self.data / FILLER).unlink()
        process = self.process
        if process is not None and process.poll() is not None:
            self.kill()
            self.start()


def _count_free(directory: pathlib.Path) -> int:
    status = os.statvfs(directory)
    return status.f_bavail * status.f_frsize


class Mariadb(_Disk, daemons.Mariadb):
    """MariaDB server."""

    def command(self) -> list[str]:
        """Return the command; the file system has no direct I/O."""
        return [*super().command(), '--innodb-flush-method=fsync']


class Postgres(_Disk, daemons.Postgres):
    """PostgreSQL server."""


DATABASES: dict[str, type[_Disk]] = {
    'mariadb': Mariadb, 'postgresql': Postgres}


class Program(base.Program):
    """Program with a separate clock."""

    def start(self) -> None:
        """Start the process, also after a stop."""
        self.starts += 1
        clock = self.set_clock(0)
        with self.log.open('ab') as log:
            self.process = subprocess.Popen(
                [sys.executable, CLOCK, self.name, clock, '--config-file',
                 self.file, *self.words], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
                env=dict(os.environ, TMPDIR=str(self.directory)))

    def set_clock(self, seconds: float) -> pathlib.Path:
        """Move the clock away from the right time; return the file."""
        path: pathlib.Path = self.directory / 'clock'
        new = path.with_suffix('.new')
        new.write_text(str(seconds))
        return new.replace(path)
