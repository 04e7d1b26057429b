# SPDX-License-Identifier: Apache-2.0
"""Tables of engines."""

import sqlalchemy as sa
from sqlalchemy import orm

from qinling.db import columns

_column = orm.mapped_column


class Engine(columns.Base):
    """Engine that has workers of its own.

    ``id`` is the name on the message bus, ``seen_at`` the last heartbeat.
    """

    __tablename__ = 'engines'

    id = _column(sa.String(128), primary_key=True)
    seen_at = _column(columns.Time, nullable=False)


class EngineAddress(columns.Base):
    """Address at which an engine listens for direct connections.

    ``id`` is the owner of executions, ``secret`` proves that a client belongs
    to the service, ``seen_at`` is the last heartbeat.
    """

    __tablename__ = 'engine_addresses'

    id = _column(sa.String(128), primary_key=True)
    host = _column(sa.String(255), nullable=False)
    port = _column(sa.Integer, nullable=False)
    secret = _column(sa.String(64), nullable=False)
    tls = _column(sa.Boolean, nullable=False)
    seen_at = _column(columns.Time, nullable=False)
