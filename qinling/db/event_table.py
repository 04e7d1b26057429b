# SPDX-License-Identifier: Apache-2.0
"""Tables of the event sources and of the dead letters."""

import sqlalchemy as sa
from sqlalchemy import orm

from qinling.db import columns

_column = orm.mapped_column


class EventSource(columns.Common, columns.Revised, columns.Base):
    """Place from which one engine at a time reads events.

    The columns from ``state`` on are what the engine reports; they change
    without a new revision.
    """

    __tablename__ = 'event_sources'
    __table_args__ = (
        sa.Index('ix_event_sources_project', 'project_id', 'created_at',
                 'id'),
        sa.Index('ix_event_sources_function', 'function_id',
                 'function_version'),
        sa.Index('ix_event_sources_alias', 'project_id', 'function_alias'),
        sa.Index('ix_event_sources_status', 'status', 'lease_until'),
        columns.Base.__table_args__)

    name = _column(sa.String(255))
    #: Name of a module of :mod:`qinling.event_sources`.
    kind = _column(sa.String(32), nullable=False)
    function_id = _column(columns.Id)
    function_alias = _column(columns.Exact)
    function_version = _column(sa.Integer, nullable=False, default=0)
    #: See :meth:`qinling.event_sources.base.Driver.parse`.
    settings = _column(sa.JSON, nullable=False)
    #: Encrypted JSON object, ``None`` without credentials.
    credentials = _column(sa.Text)
    #: See :mod:`qinling.core.trigger.event_filters`.
    filter = _column(sa.JSON(none_as_null=True))
    batch_size = _column(sa.Integer, nullable=False, default=1,
                         server_default='1')
    #: Seconds to wait for a full batch.
    batch_window = _column(sa.Integer, nullable=False, default=0,
                           server_default='0')
    status = _column(sa.String(32), nullable=False)
    #: See :class:`qinling.event_states.EventSourceState`.
    state = _column(sa.String(32), nullable=False, default='waiting',
                    server_default='waiting')
    #: Sentence about an error, else ``None``.
    state_reason = _column(sa.Text)
    #: Events that wait, ``None`` if unknown.
    lag = _column(sa.BigInteger)
    #: Seconds that the oldest event has waited, ``None`` if unknown.
    lag_seconds = _column(columns.Number)
    measured_at = _column(columns.Time)
    #: Events handed over to executions, left out by the filter, and made
    #: dead letters.
    accepted = _column(sa.BigInteger, nullable=False, default=0,
                       server_default='0')
    filtered = _column(sa.BigInteger, nullable=False, default=0,
                       server_default='0')
    dead = _column(sa.BigInteger, nullable=False, default=0,
                   server_default='0')
    last_event_at = _column(columns.Time)
    #: Where to go on, for sources that do not keep the place themselves.
    position = _column(columns.Long)
    #: Engine that reads the source, and the end of its lease.
    owner = _column(sa.String(128))
    lease_until = _column(columns.Time)


class DeadLetter(columns.Common, columns.Base):
    """Payload that no execution has handled."""

    __tablename__ = 'dead_letters'
    __table_args__ = (
        sa.Index('ix_dead_letters_project', 'project_id', 'created_at',
                 'id'),
        sa.Index('ix_dead_letters_created', 'created_at'),
        columns.Base.__table_args__)

    function_id = _column(columns.Id)
    function_version = _column(sa.Integer, nullable=False, default=0)
    function_alias = _column(columns.Exact)
    #: What would have run the function: a :class:`qinling.states.Trigger`.
    trigger = _column(sa.String(32), nullable=False)
    #: Job or event source.
    source_id = _column(columns.Id)
    #: Failed execution, ``None`` if there was none.
    execution_id = _column(columns.Id)
    reason = _column(columns.Long, nullable=False)
    attempts = _column(sa.Integer, nullable=False, default=0)
    first_at = _column(columns.Time, nullable=False, default=columns.now)
    #: Bytes of the payload.
    size = _column(sa.BigInteger, nullable=False, default=0)
    #: Input of an execution as text, ``None`` if it was too large.
    payload = _column(columns.Long)
