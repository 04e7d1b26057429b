# SPDX-License-Identifier: Apache-2.0
"""Table of the executions, and the indexes of its lists."""

import sqlalchemy as sa
from sqlalchemy import orm

from qinling.db import columns

Time, Long, Id, Exact = columns.Time, columns.Long, columns.Id, columns.Exact
Base = columns.Base
_column = orm.mapped_column

#: Condition of a failed execution, as partial indexes need the condition.
IS_FAILURE = "status <> 'success' AND status <> 'running'"
#: Name of an index for lists -> first columns, and the condition of the rows
#: in the index on databases with partial indexes.  All indexes continue with
#: the creation and the id.
LIST_INDEXES: dict[str, tuple[tuple[str, ...], str | None]] = {
    'by_status': (('project_id', 'status'), "status <> 'success'"),
    'by_function': (('function_id',), None),
    'by_version': (('function_id', 'function_version'),
                   'function_version <> 0'),
    'by_failure': (('function_id', 'status'), IS_FAILURE),
    **{name: (names, f'{names[-1]} IS NOT NULL') for name, names in (
        ('by_end', ('project_id', 'updated_at')),
        ('by_duration', ('project_id', 'duration')),
        ('by_alias', ('project_id', 'function_alias')),
        ('by_reason', ('project_id', 'reason')),
        ('by_fingerprint', ('project_id', 'fingerprint')),
        ('by_flow_key', ('project_id', 'flow_key')),
        ('by_description', ('project_id', 'description')),
        ('by_job', ('job_id',)), ('by_group', ('group_id',)))}}


def _create_indexes() -> list[sa.Index]:
    """Return the indexes for lists, and the index of the ended rows."""
    indexes = {name: ((*names, 'created_at', 'id'), where)
               for name, (names, where) in LIST_INDEXES.items()}
    indexes['ended'] = ('updated_at', 'id'), 'updated_at IS NOT NULL'
    return [sa.Index(f'ix_executions_{name}', *names,
                     sqlite_where=where and sa.text(where),
                     postgresql_where=where and sa.text(where))
            for name, (names, where) in indexes.items()]


class Execution(columns.Common, Base):
    """The truth about an execution.

    ``owner`` is the engine that runs the execution; after ``lease_until`` any
    engine may recover the execution, since its owner is dead or no engine
    has claimed the row.  An ended row has no lease, so a sweep reads only
    overdue rows.  ``updated_at`` is the end.  Rows outlive their function.
    """

    __tablename__ = 'executions'
    __table_args__ = (
        sa.UniqueConstraint('job_id', 'scheduled_at',
                            name='uq_executions_tick'),
        sa.Index('ix_executions_project', 'project_id', 'created_at', 'id'),
        sa.Index('ix_executions_lease', 'lease_until'),
        sa.Index('ix_executions_created', 'created_at'),
        *_create_indexes(),
        Base.__table_args__)

    function_id = _column(Id, nullable=False)
    function_version = _column(sa.Integer, nullable=False, default=0)
    function_alias = _column(Exact)
    description = _column(sa.String(255))
    status = _column(sa.String(32), nullable=False)
    #: An :class:`qinling.states.ExecutionReason`, ``None`` after success.
    reason = _column(sa.String(32))
    #: Sentence on the cause, where the output has a text fixed by contract.
    detail = _column(sa.String(255))
    #: Id of the :class:`qinling.db.failure_table.Failure`, if the execution
    #: failed.
    fingerprint = _column(Id)
    sync = _column(sa.Boolean, nullable=False, default=True)
    input = _column(Long)
    result = _column(Long)
    logs = _column(Long)
    owner = _column(sa.String(128))
    lease_until = _column(Time)
    #: Number of attempts started.
    attempt = _column(sa.Integer, nullable=False, default=0)
    #: Number of failures followed by another attempt.
    retry = _column(sa.Integer, nullable=False, default=0,
                    server_default='0')
    #: Start of the next attempt, while the execution waits.
    next_attempt_at = _column(Time)
    job_id = _column(Id)
    scheduled_at = _column(Time)
    #: Id of the execution that this execution repeats.
    rerun_of = _column(Id)
    #: Id of the failed execution that caused this on-failure call.
    failed_id = _column(Id)
    #: An :class:`qinling.states.Trigger`; ``None`` in rows of old releases.
    trigger = _column(sa.String(32))
    #: Id that the executions of one batch share.
    group_id = _column(Id)
    #: Memory limit of the function in bytes, for statistics.
    memory_size = _column(sa.BigInteger)
    #: Start of the attempt: when an engine took the execution, and after the
    #: end when a worker received the execution.
    started_at = _column(Time)
    #: Seconds that the function ran.
    duration = _column(columns.Number)
    #: Milliseconds of the import before the run, 0 on a warm worker; ``None``
    #: of a container, which always starts cold.
    import_ms = _column(columns.Number)
    #: Largest resident memory in bytes.
    memory_peak = _column(sa.BigInteger)
    #: Whether the caller replaced the choice of the alias.
    version_chosen = _column(sa.Boolean)
    #: Digest of the version; ``None`` of the latest code.
    digest = _column(sa.String(71))
    #: Name of a secret -> number of the value that the run received.
    secrets = _column(sa.JSON(none_as_null=True))
    #: Key of the flow control, ``None`` without.
    flow_key = _column(Exact)
