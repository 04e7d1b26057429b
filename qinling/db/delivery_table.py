# SPDX-License-Identifier: Apache-2.0
"""Table of the deliveries to webhooks."""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy import orm

from qinling.db import columns

_column = orm.mapped_column
_Bytes = sa.LargeBinary().with_variant(mysql.LONGBLOB(), 'mysql', 'mariadb')


class Delivery(columns.Common, columns.Base):
    """A request to the URL of a webhook, and what became of the request.

    The body is the last column, so that lists read none of its pages.
    """

    __tablename__ = 'deliveries'
    __table_args__ = (
        sa.Index('ix_deliveries_webhook', 'webhook_id', 'created_at', 'id'),
        sa.Index('ix_deliveries_created', 'created_at'),
        columns.Base.__table_args__)

    #: No foreign key: each insert would lock the row of the webhook.
    webhook_id = _column(columns.Id, nullable=False)
    #: See :mod:`qinling.core.trigger.delivery_log`.
    status = _column(sa.String(32), nullable=False)
    #: See :mod:`qinling.core.trigger.delivery_log`.
    signature = _column(sa.String(32), nullable=False)
    #: Sentence of a refusal.
    reason = _column(sa.Text)
    #: HTTP status of the answer, ``None`` while the function runs.
    status_code = _column(sa.Integer)
    execution_id = _column(columns.Id)
    #: Delivery whose bytes were sent again.
    replay_of = _column(columns.Id)
    source_address = _column(sa.String(64))
    method = _column(sa.String(16), nullable=False)
    #: What follows the URL of the webhook.
    path = _column(columns.Long, nullable=False)
    query = _column(columns.Long, nullable=False)
    #: [name, value] of each header as sent.
    headers = _column(columns.ExactJson, nullable=False)
    #: Bytes of the body, ``None`` if the body was not read.
    size = _column(sa.BigInteger)
    has_body = _column(sa.Boolean, nullable=False)
    body = _column(_Bytes)
