# SPDX-License-Identifier: Apache-2.0
"""Stored packages, and when they may go.

Each upload makes a storage key that nobody else has, and only rows that have
it already can hand it on.  So a key that no row has will never be had again,
and its package can be deleted without a lock; see ``doc/decisions``.
"""

import contextlib

from oslo_log import log

from qinling.db import crud
from qinling.db import models
from qinling.db import queries
from qinling import exception

LOG = log.getLogger(__name__)

#: Seconds that a package may lie without a row: an upload in progress has
#: stored it and not yet written its row.
GRACE = 3600
_MODEL = models.Package
_USERS = (models.Function, models.FunctionVersion, models.Build)


class Packages:
    """Deletes packages that nothing refers to."""

    def __init__(self, db, storage):
        self._db = db
        self._storage = storage

    def put(self, stream):
        """Store what is no user's package; see
        :meth:`qinling.storage.base.Storage.put`."""
        return self._storage.put(stream)

    def open(self, key):
        """A binary stream of a package.

        :raises FileNotFoundError: it is gone.
        """
        return self._storage.open(key)

    def drop(self, key):
        """Delete a package that a row has just lost, unless another row has
        it, too; ``None`` is ignored.  While the store is down it is left
        to the sweep: what the user asked for is done already."""
        if key is not None and not self._used(key):
            try:
                self._delete(key)
            except exception.TemporaryError as e:
                LOG.warning('Package %s is left to the sweep: %s', key, e)

    def _delete(self, key):
        self._storage.delete(key)
        self._db.write(lambda tx: crud.delete_all(
            tx, _MODEL, _MODEL.key == key))

    def count(self, tx, key, project_id, size):
        """Have the bytes of a package that was uploaded count for a project;
        what came from elsewhere is measured by the sweep."""
        if key is not None and size:
            crud.insert(tx, _MODEL, key=key, project_id=project_id,
                        size=size)

    def keep(self, key, action):
        """What ``action(tx)`` returns, which writes a row with a package
        just stored; if that fails, the package goes again."""
        with self.kept(key):
            return self._db.write(action)

    @contextlib.contextmanager
    def kept(self, key):
        """The package goes again if what is done with it fails."""
        try:
            yield
        except BaseException:
            self.drop(key)
            raise

    def sweep(self, older_than=GRACE):
        """Delete what a process that died left behind; returns how many
        packages that were."""
        orphans = [key for key in self._storage.keys(older_than)
                   if not self._used(key)]
        for key in orphans:
            LOG.warning('Package %s belongs to nothing and is deleted.', key)
            self._delete(key)
        self._measure()
        return len(orphans)

    def _measure(self):
        """Write the sizes of packages down that were stored before there
        were quotas."""
        for row in self._db.read(queries.unmeasured):
            try:
                with self._storage.open(row.package) as stream:
                    size = stream.seek(0, 2)
                self._db.write(lambda tx: crud.insert(
                    tx, _MODEL, key=row.package, size=size,
                    project_id=row.project_id))
            except (FileNotFoundError, crud.DuplicateEntry) as e:
                LOG.info('Package %s is not measured: %s', row.package, e)

    def _used(self, key):
        return self._db.read(lambda tx: any(
            crud.exists(tx, user, user.package == key) for user in _USERS))
