# SPDX-License-Identifier: Apache-2.0
"""First connection of a process, perhaps before the start of the database."""

import re

from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_log import log
import sqlalchemy
import tenacity

from qinling.db import errors
from qinling import exception

LOG = log.getLogger(__name__)

#: Error codes of MariaDB for a wrong name or password, or a wrong database.
_MARIADB_REFUSALS = 1044, 1045, 1049, 1698
#: Texts of PostgreSQL, whose library has no code for a refused connection.
_POSTGRESQL_REFUSALS = re.compile(
    'authentication failed|no password supplied|pg_hba.conf|'
    '(database|role) ".*" does not exist')


def wait(options: cfg.ConfigOpts.GroupAttr, engine: sqlalchemy.Engine
         ) -> None:
    """Wait until the database accepts connections.

    :param options: group ``database`` with ``max_retries``, -1 for no limit,
        and ``retry_interval`` in seconds.
    :raises ValueError: the database refuses the address in the options.
    :raises Unavailable: the database has accepted no connection.
    """
    tries = max(1, options.max_retries)
    try:
        tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_absent),
            wait=tenacity.wait_fixed(options.retry_interval),
            stop=(tenacity.stop_never if options.max_retries == -1
                  else tenacity.stop_after_attempt(tries)),
            before_sleep=_log, reraise=True)(_connect, engine)
    except (db_exc.DBError, sqlalchemy.exc.SQLAlchemyError) as e:
        if _is_refusal(e):
            raise ValueError(
                'The database refuses the [database] connection: '
                f'{errors.describe(e)}')
        if not errors.is_transient(e):
            raise
        raise exception.Unavailable(
            reason='the database of [database] connection does not answer: '
                   f'{errors.describe(e)}')


def _connect(engine: sqlalchemy.Engine) -> None:
    engine.connect().close()


def _is_absent(error: BaseException) -> bool:
    return errors.is_transient(error) and not _is_refusal(error)


def _is_refusal(error: BaseException) -> bool:
    return isinstance(error, db_exc.DBNonExistentDatabase) or any(
        cause.args[:1] in ((code,) for code in _MARIADB_REFUSALS)
        for cause in errors.causes(error)
    ) or _POSTGRESQL_REFUSALS.search(errors.describe(error)) is not None


def _log(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    LOG.warning('Waiting for the database: %s',
                errors.describe(error) if error else '')
