# SPDX-License-Identifier: Apache-2.0
"""Deletion of old deliveries: by age, and beyond the limits of a webhook."""

import collections
import datetime

from oslo_config import cfg

from qinling.core.trigger import delivery_log
from qinling.db import crud
from qinling.db import models
from qinling.db import queries
from qinling.db import session

_MODEL = models.Delivery
_ACCEPTED = delivery_log.DeliveryStatus.ACCEPTED.value
#: Deliveries beyond the limits that one call reads.
MAX_SUPERFLUOUS = 1000
#: Webhooks that one call reads.
MAX_WEBHOOKS_READ = 200
#: Part of the bytes that statuses without an execution may use.
REFUSED_PART = 0.1
#: Age of the oldest deliveries whose webhooks the first turn trims.
FIRST_RANGE = datetime.timedelta(days=1)
#: Time between the acceptance of a delivery and its commit.
LATE_COMMIT = datetime.timedelta(minutes=5)


def purge(db: session.Database, before: datetime.datetime, limit: int) -> int:
    """Delete deliveries before a time; return their number.

    :param limit: most rows of the one transaction.
    """
    ids = db.read(lambda tx: [row.id for row in crud.select(
        tx, _MODEL, _MODEL.created_at < before, limit=limit,
        order=[_MODEL.created_at], only=[_MODEL.id])])
    return _delete(db, ids)


def _delete(db: session.Database, ids: list[str]) -> int:
    if not ids:
        return 0
    return db.write(lambda tx: crud.delete_all(tx, _MODEL,
                                               _MODEL.id.in_(ids)))


class Trimmer:
    """Deletes what webhooks have beyond their limits, some in each call.

    Only webhooks with deliveries since the last round are read.
    """

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database) -> None:
        self._options = conf.webhooks
        self._db = db
        self._since = models.now() - FIRST_RANGE
        self._pending: list[str] = []
        self._next_since = self._since

    def trim(self, limit: int) -> int:
        """Delete superfluous deliveries of some webhooks.

        :param limit: most rows of this call.
        :returns: the number of deleted rows.
        """
        if not self._pending:
            self._since, self._next_since = (
                self._next_since, models.now() - LATE_COMMIT)
            self._pending = list(self._db.read(
                queries.list_webhooks_since, self._since))
        total = 0
        for _ in range(min(MAX_WEBHOOKS_READ, len(self._pending))):
            ids = self._list_superfluous(self._pending[-1])
            total += _delete(self._db, ids[:limit - total])
            if total == limit:
                # The next call goes on with the webhook.
                break
            self._pending.pop()
        return total

    def _list_superfluous(self, webhook_id: str) -> list[str]:
        """Return the ids of deliveries beyond a limit, the newest first."""
        rows = self._db.read(lambda tx: crud.select(
            tx, _MODEL, _MODEL.webhook_id == webhook_id,
            limit=self._options.max_deliveries
            + 3 * self._options.max_refused_deliveries + MAX_SUPERFLUOUS,
            order=[_MODEL.created_at.desc()],
            only=[_MODEL.id, _MODEL.status, _MODEL.has_body, _MODEL.size]))
        counts: collections.Counter[str] = collections.Counter()
        sizes: collections.Counter[str] = collections.Counter()
        ids = []
        for row in rows:
            counts[row.status] += 1
            sizes[row.status] += row.size if row.has_body else 0
            max_count, max_size = self._get_limits(row.status)
            if counts[row.status] > max_count or sizes[row.status] > max_size:
                ids.append(row.id)
        return ids

    def _get_limits(self, status: str) -> tuple[int, float]:
        """Return the number and the bytes of deliveries with a status.

        Strangers cannot displace what was accepted.
        """
        options = self._options
        if status == _ACCEPTED:
            return options.max_deliveries, options.max_delivery_bytes
        return (options.max_refused_deliveries,
                options.max_delivery_bytes * REFUSED_PART)
