# SPDX-License-Identifier: Apache-2.0
"""Table of webhooks."""

import sqlalchemy as sa
from sqlalchemy import orm

from qinling.db import columns

_column = orm.mapped_column


class Webhook(columns.Common, columns.Revised, columns.Base):
    """URL that runs a function.

    The secrets are encrypted; see :mod:`qinling.core.secrets`.  The previous
    secret is valid until ``previous_until``.
    """

    __tablename__ = 'webhooks'
    __table_args__ = (
        sa.Index('ix_webhooks_project', 'project_id', 'created_at', 'id'),
        sa.Index('ix_webhooks_function', 'function_id', 'function_version'),
        sa.Index('ix_webhooks_alias', 'project_id', 'function_alias'),
        columns.Base.__table_args__)

    function_id = _column(columns.Id)
    function_alias = _column(columns.Exact)
    function_version = _column(sa.Integer)
    description = _column(sa.String(255))
    sync = _column(sa.Boolean, nullable=False, default=False,
                   server_default='0')
    payload = _column(sa.String(32), nullable=False, default='merged',
                      server_default='merged')
    signature = _column(sa.String(32))
    secret = _column(sa.Text)
    previous_secret = _column(sa.Text)
    previous_until = _column(columns.Time)
    #: HTTP methods that run the function, ``None`` for POST alone.
    methods = _column(sa.JSON(none_as_null=True))
    #: Origins of pages that may use the webhook, ``None`` for none.
    origins = _column(sa.JSON(none_as_null=True))
    #: Whether the URL has variants for versions and aliases.
    previews = _column(sa.Boolean, nullable=False, default=False,
                       server_default='0')
    keep_deliveries = _column(sa.Boolean, nullable=False, default=True,
                              server_default='1')
    #: A value of :mod:`qinling.core.trigger.stream_modes`.
    stream = _column(sa.String(32), nullable=False, default='off',
                     server_default='off')
    #: Number of rejected deliveries.
    refused = _column(sa.BigInteger, nullable=False, default=0,
                      server_default='0')
