# SPDX-License-Identifier: Apache-2.0
"""Tables of the fire times of jobs, and of the executions that jobs watch."""

import sqlalchemy as sa
from sqlalchemy import orm

from qinling.db import columns

_column = orm.mapped_column


class JobFire(columns.Base):
    """What became of a fire time, or of a range of missed fire times."""

    __tablename__ = 'job_fires'
    __table_args__ = (sa.Index('ix_job_fires_decided', 'decided_at'),
                      columns.Base.__table_args__)

    job_id = _column(columns.Id, sa.ForeignKey('jobs.id', ondelete='CASCADE'),
                     primary_key=True)
    scheduled_at = _column(columns.Time, primary_key=True)
    #: See :class:`qinling.states.FireStatus`.
    status = _column(sa.String(32), primary_key=True)
    #: Last time of a range; ``None`` for a single time.
    until = _column(columns.Time)
    #: Schedule at that time, which gives the times of a range.
    pattern = _column(sa.String(255))
    timezone = _column(sa.String(64))
    decided_at = _column(columns.Time, nullable=False)
    reason = _column(sa.Text)
    execution_id = _column(columns.Id)


class JobRun(columns.Base):
    """Execution of a job that later fire times depend on, until its end.

    Only jobs with an overlap policy or a limit of failures have rows.
    """

    __tablename__ = 'job_runs'
    __table_args__ = (sa.Index('ix_job_runs_job', 'job_id'),
                      columns.Base.__table_args__)

    execution_id = _column(columns.Id, primary_key=True)
    job_id = _column(columns.Id, sa.ForeignKey('jobs.id', ondelete='CASCADE'),
                     nullable=False)
