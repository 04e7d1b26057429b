# SPDX-License-Identifier: Apache-2.0
"""Stored packages and their deletion.

Every upload gets a new storage key, and only rows with a key pass the key on.
So a key without rows never gets a row again, and its package can be deleted
without a lock.
"""

from collections.abc import Iterator
import contextlib
import typing

from oslo_log import log

from qinling.db import crud
from qinling.db import models
from qinling.db import queries
from qinling.db import session
from qinling import exception

if typing.TYPE_CHECKING:
    from qinling.storage import base as storage_base

LOG = log.getLogger(__name__)

#: Seconds that a package may lie without a row, during an upload.
GRACE_SECONDS = 3600
_MODEL = models.Package
_USERS: tuple[typing.Any, ...] = (
    models.Function, models.FunctionVersion, models.Build)


class Packages:
    """Packages in the storage."""

    def __init__(self, db: session.Database,
                 storage: 'storage_base.Storage') -> None:
        self._db = db
        self._storage = storage

    def put(self, stream: typing.BinaryIO) -> typing.Any:
        """Store a package; see :meth:`.storage_base.Storage.put`."""
        return self._storage.put(stream)

    def open(self, key: str) -> typing.BinaryIO:
        """Return a stream of a package.

        :raises FileNotFoundError: the package is gone.
        """
        return self._storage.open(key)

    def drop(self, key: str | None) -> None:
        """Delete a package unless a row refers to it.

        ``None`` is ignored.  While the storage is down, the package is left
        to the sweep: the request of the user has succeeded already.
        """
        if key is not None and not self._is_used(key):
            try:
                self._delete(key)
            except exception.TemporaryError as e:
                LOG.warning('Could not delete package %s; the next sweep '
                            'will: %s', key, e)

    def _delete(self, key: str) -> None:
        self._storage.delete(key)
        self._db.write(lambda tx: crud.delete_all(
            tx, _MODEL, _MODEL.key == key))

    def record_size(self, tx: session.Connection, key: str | None,
                    project_id: str, size: int) -> None:
        """Count the bytes of an uploaded package for a project.

        The sweep measures packages from other sources.
        """
        if key is not None and size:
            crud.insert(tx, _MODEL, key=key, project_id=project_id, size=size)

    @contextlib.contextmanager
    def dropped_on_error(self, key: str | None) -> Iterator[None]:
        """Drop a package when the ``with`` block fails."""
        try:
            yield
        except BaseException:
            self.drop(key)
            raise

    def sweep(self, older_than: float = GRACE_SECONDS) -> int:
        """Delete the packages that dead processes left behind.

        :returns: the number of packages deleted.
        """
        orphans = [key for key in self._storage.list_keys(older_than)
                   if not self._is_used(key)]
        for key in orphans:
            LOG.warning('Deleting orphaned package %s.', key)
            self._delete(key)
        self._measure()
        return len(orphans)

    def _measure(self) -> None:
        """Record the sizes of packages stored before quotas existed."""
        for row in self._db.read(queries.unmeasured_packages):
            try:
                with self._storage.open(row.package) as stream:
                    size = stream.seek(0, 2)
                self._db.write(lambda tx: crud.insert(
                    tx, _MODEL, key=row.package, size=size,
                    project_id=row.project_id))
            except (FileNotFoundError, crud.DuplicateEntry) as e:
                LOG.info('Could not measure package %s: %s', row.package, e)

    def _is_used(self, key: str) -> bool:
        return self._db.read(lambda tx: any(
            crud.exists(tx, user, user.package == key) for user in _USERS))
