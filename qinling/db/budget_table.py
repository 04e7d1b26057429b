# SPDX-License-Identifier: Apache-2.0
"""Table of the budgets of projects."""

import sqlalchemy as sa
from sqlalchemy import orm

from qinling.db import columns

_column = orm.mapped_column


class Budget(columns.Base):
    """Budget of a project for each calendar month, in UTC."""

    __tablename__ = 'budgets'

    project_id = _column(sa.String(80), primary_key=True)
    created_at = _column(columns.Time, nullable=False, default=columns.now)
    updated_at = _column(columns.Time, onupdate=columns.now)
    #: In the currency of the options.
    amount = _column(columns.Number, nullable=False)
    #: Share of the amount that causes a warning.
    warn_at = _column(columns.Number, nullable=False)
    #: Where warnings are sent to.
    warning_url = _column(sa.Text)
    #: See :class:`qinling.states.OnExceeded`.
    on_exceeded = _column(sa.String(32), nullable=False)
    #: Month of the columns below, such as 2026-01.
    month = _column(sa.String(7), nullable=False, default='')
    spent = _column(columns.Number, nullable=False, default=0)
    #: See :class:`qinling.states.BudgetLevel`: now, and in the last report.
    level = _column(sa.Integer, nullable=False, default=0)
    reported_level = _column(sa.Integer, nullable=False, default=0)
