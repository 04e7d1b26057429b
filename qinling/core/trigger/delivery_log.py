# SPDX-License-Identifier: Apache-2.0
"""Record of the deliveries to webhooks.

An accepted delivery is written in the transaction of its execution, so that
neither exists alone.  Refused and repeated deliveries, and the statuses of
synchronous answers, are written by a thread, at most some rows a second: a
flood costs neither time of the requests nor much disk.
"""

import collections
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import enum
import threading
import typing

from oslo_config import cfg
from oslo_log import log

from qinling.core.trigger import payloads
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception

LOG = log.getLogger(__name__)

_MODEL = models.Delivery
#: Seconds between two writes of the thread.
WINDOW_SECONDS = 1
#: Refused and repeated deliveries of a window: in all, and of one webhook.
MAX_ROWS, MAX_WEBHOOK_ROWS = 50, 5
#: Bytes of the rows in a window; further bodies, and rows, are left out.
MAX_WINDOW_BYTES = 256 * 1024
#: Statuses of synchronous answers in a window.
MAX_ANSWERS = 10000
MAX_REASON_LENGTH = 1000
MAX_METHOD_LENGTH = 16
#: Value of headers that may have a credential.
MASK = '***'
#: Parts of the names of such headers.
_CREDENTIALS = ('authorization', 'cookie', 'token', 'secret', 'password',
                'apikey', 'api-key', 'jwt', 'oidc-data')


class DeliveryStatus(str, enum.Enum):
    """What became of a delivery."""

    #: The delivery has an execution.
    ACCEPTED = 'accepted'
    #: An earlier delivery with the same id has the execution.
    REPEATED = 'repeated'
    #: Nothing ran; ``reason`` says why.
    REFUSED = 'refused'
    #: The service answered the challenge of a sender itself.
    ANSWERED = 'answered'


class Verdict(str, enum.Enum):
    """Result of the check of a signature."""

    VALID = 'valid'
    INVALID = 'invalid'
    #: The webhook has no secret.
    UNSIGNED = 'unsigned'
    #: The delivery was refused before the check.
    UNCHECKED = 'unchecked'
    #: A user sent the delivery again; nothing was checked.
    REPLAYED = 'replayed'


@dataclasses.dataclass
class Entry:
    """Row of a delivery, which the transaction of an execution writes."""

    columns: dict[str, typing.Any]

    def write(self, tx: session.Connection, execution_id: str) -> None:
        """Write the row of an accepted delivery."""
        self.columns['execution_id'] = execution_id
        crud.insert_whole(tx, _MODEL, self.columns)

    def withdraw(self, tx: session.Connection) -> None:
        """Delete the row, since its execution is deleted."""
        crud.delete(tx, _MODEL, self.columns['id'])


def mask(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return headers without the values that may be credentials."""
    return [(name, MASK if any(word in name.lower() for word in _CREDENTIALS)
             else value) for name, value in headers]


class DeliveryLog:
    """Records the deliveries of this process."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database) -> None:
        self._options = conf.webhooks
        self._db = db
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._reset()

    def _reset(self) -> None:
        """Empty the buffers of a window."""
        self._rows: list[dict[str, typing.Any]] = []
        self._counts: collections.Counter[str] = collections.Counter()
        self._bytes = 0
        self._answers: dict[int, list[str]] = {}
        self._answer_count = 0

    def create_entry(self, webhook: typing.Any, delivery: payloads.Delivery,
                     **values: typing.Any) -> Entry | None:
        """Return the entry of a delivery, ``None`` if none is kept.

        :param values: see :meth:`build_entry`.
        """
        if not (webhook.keep_deliveries and self._options.delivery_retention):
            return None
        return self.build_entry(webhook, delivery, **values)

    def build_entry(self, webhook: typing.Any, delivery: payloads.Delivery,
                    **values: typing.Any) -> Entry:
        """Return the entry of a delivery.

        :param values: columns that differ from those of an accepted
            delivery.
        """
        body = delivery.body_if_read
        size = None if body is None else len(body)
        has_body = (body is not None
                    and len(body) <= self._options.kept_body_size)
        return Entry({
            'id': models.new_id(), 'project_id': webhook.project_id,
            'created_at': models.now(), 'webhook_id': webhook.id,
            'status': DeliveryStatus.ACCEPTED.value,
            'signature': delivery.verdict, 'reason': None,
            'status_code': None if webhook.sync else 202,
            'execution_id': None, 'replay_of': None,
            'source_address': delivery.source_address,
            'method': delivery.method[:MAX_METHOD_LENGTH],
            'path': delivery.path,
            'query': delivery.query, 'headers': mask(delivery.pairs),
            'size': size, 'has_body': has_body,
            'body': body if has_body else None, **values})

    def record(self, webhook: typing.Any, delivery: payloads.Delivery,
               status: DeliveryStatus, **values: typing.Any) -> None:
        """Record a delivery without an execution within a second or two.

        A sample of the deliveries is recorded if there are many.

        :param values: further columns.
        """
        with self._lock:
            if (len(self._rows) >= MAX_ROWS
                    or self._counts[webhook.id] >= MAX_WEBHOOK_ROWS):
                return
            entry = self.create_entry(webhook, delivery, status=status.value,
                                      **values)
            if entry is None:
                return
            columns = entry.columns
            free = MAX_WINDOW_BYTES - self._bytes - _measure_head(columns)
            if free < 0:
                return
            if columns['has_body'] and columns['size'] > free:
                columns.update(has_body=False, body=None)
            self._bytes = MAX_WINDOW_BYTES - free + len(columns['body'] or b'')
            self._counts[webhook.id] += 1
            self._rows.append(columns)
            self._open_window()

    def record_refusal(self, webhook: typing.Any,
                       delivery: payloads.Delivery,
                       error: exception.QinlingError) -> None:
        """Record a refused delivery."""
        self.record(webhook, delivery, DeliveryStatus.REFUSED,
                    reason=str(error)[:MAX_REASON_LENGTH],
                    status_code=error.http_code)

    def record_answer(self, entry: Entry, status_code: int) -> None:
        """Record the HTTP status of a synchronous answer."""
        with self._lock:
            if self._answer_count < MAX_ANSWERS:
                self._answer_count += 1
                self._answers.setdefault(status_code, []).append(
                    entry.columns['id'])
                self._open_window()

    def _open_window(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(WINDOW_SECONDS, self.flush)
            self._timer.daemon = True
            self._timer.start()

    def flush(self) -> None:
        """Write what the window has gathered."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            rows, answers = self._rows, self._answers
            self._reset()
        if not rows and not answers:
            return
        try:
            self._db.write(lambda tx: _write(tx, rows, answers),
                           durable=False)
        except exception.Unavailable as e:
            LOG.warning('Could not record deliveries: %s', e)
        except Exception:
            LOG.exception('Could not record deliveries.')


def _measure_head(columns: Mapping[str, typing.Any]) -> int:
    """Return the characters of a row without the body."""
    return (len(columns['path']) + len(columns['query'])
            + sum(len(name) + len(value) for name, value
                  in columns['headers']))


def _write(tx: session.Connection, rows: Sequence[dict[str, typing.Any]],
           answers: Mapping[int, Sequence[str]]) -> None:
    # The webhook of a row may have been deleted meanwhile.
    ids = {row['webhook_id'] for row in rows}
    existing = set(crud.select_values(
        tx, models.Webhook.id, models.Webhook.id.in_(ids))) if ids else set()
    for row in rows:
        if row['webhook_id'] in existing:
            crud.insert_whole(tx, _MODEL, row)
    for status_code, deliveries in answers.items():
        crud.update_all(tx, _MODEL, {'status_code': status_code},
                        _MODEL.id.in_(deliveries))
