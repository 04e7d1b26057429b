# SPDX-License-Identifier: Apache-2.0
"""Table of the failures: groups of failed executions."""

import sqlalchemy as sa
from sqlalchemy import orm

from qinling.db import columns

_column = orm.mapped_column


class Failure(columns.Common, columns.Base):
    """Failed executions with the same fingerprint, which is the id.

    ``created_at`` is the end of the first execution.  Message and frames are
    those of one execution.
    """

    __tablename__ = 'failures'
    __table_args__ = (
        sa.Index('ix_failures_project', 'project_id', 'created_at', 'id'),
        sa.Index('ix_failures_seen', 'project_id', 'last_seen_at',
                 'created_at', 'id'),
        sa.Index('ix_failures_count', 'project_id', 'count', 'created_at',
                 'id'),
        sa.Index('ix_failures_function', 'function_id', 'created_at', 'id'),
        columns.Base.__table_args__)

    function_id = _column(columns.Id, nullable=False)
    #: Versions between commas, such as ``,1,2,``, for filters.
    version_list = _column(sa.Text, nullable=False)
    reason = _column(sa.String(32), nullable=False)
    exception_type = _column(sa.String(255))
    message = _column(sa.Text, nullable=False)
    #: List of ``file``, ``line`` and ``function``, the innermost last.
    frames = _column(sa.JSON, nullable=False)
    count = _column(sa.BigInteger, nullable=False)
    #: End and id of the last execution.
    last_seen_at = _column(columns.Time, nullable=False)
    last_execution_id = _column(columns.Id, nullable=False)
