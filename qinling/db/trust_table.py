# SPDX-License-Identifier: Apache-2.0
"""Table of the trusts that renewals have replaced."""

import sqlalchemy as sa
from sqlalchemy import orm

from qinling.db import columns


class ReplacedTrust(columns.Base):
    """Trust that running executions may use, but its function does not.

    ``id`` is the id in Keystone.
    """

    __tablename__ = 'replaced_trusts'
    __table_args__ = (
        sa.Index('ix_replaced_trusts_function', 'function_id'),
        columns.Base.__table_args__)

    id = orm.mapped_column(sa.String(255), primary_key=True)
    function_id = orm.mapped_column(columns.Id, nullable=False)
    replaced_at = orm.mapped_column(columns.Time, nullable=False,
                                    default=columns.now)
