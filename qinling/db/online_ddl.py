# SPDX-License-Identifier: Apache-2.0
"""Changing tables that are in use.

A change of a table waits for all transactions that use it, and whoever comes
later waits behind the change: one long transaction would stop the service for
as long as it lasts.  So a change waits a second at most, lets the others
pass, and tries again.

MariaDB and MySQL commit each change by itself, so that one statement is done
again; PostgreSQL undoes a whole migration, which is done again then.
"""

import contextlib
import time

from oslo_log import log
import sqlalchemy as sa

LOG = log.getLogger(__name__)

#: Seconds that others may have to wait behind a change.
WAIT = 1
#: Seconds in which they are let pass.
PAUSE = 2
#: Tries before the one who asked for the change is told that it fails.
TRIES = 200
_SETTINGS = {'mysql': f'SET SESSION lock_wait_timeout = {WAIT}',
             'postgresql': f"SET lock_timeout = '{WAIT}s'"}
_RESET = {'mysql': 'SET SESSION lock_wait_timeout = DEFAULT',
          'postgresql': 'RESET lock_timeout'}
#: What says that a lock was not to be had: MariaDB's error, SQLSTATE.
_CODES = (1205, '55P03')


@contextlib.contextmanager
def ddl(connection):
    """Within it, changes on this connection wait as said above."""
    name = connection.dialect.name.replace('mariadb', 'mysql')
    if name not in _SETTINGS:
        yield
        return
    _set(connection, _SETTINGS[name])
    hook = connection.engine, 'do_execute', _patiently
    if name == 'mysql':
        sa.event.listen(*hook)
    try:
        yield
    finally:
        if name == 'mysql':
            sa.event.remove(*hook)
        connection.rollback()
        _set(connection, _RESET[name])


def _set(connection, statement):
    connection.exec_driver_sql(statement)
    connection.commit()


def _patiently(cursor, statement, parameters, _context):
    if not statement.lstrip().upper().startswith(('ALTER', 'CREATE')):
        return False
    again(lambda: cursor.execute(statement, parameters))
    return True


def again(action, tries=TRIES):
    """Do something until it has had its locks."""
    while True:
        tries -= 1
        try:
            return action()
        except Exception as e:
            if not tries or not is_busy(e):
                raise
            LOG.info('A table is in use; the next try to change it is in '
                     '%s seconds.', PAUSE)
        time.sleep(PAUSE)


def is_busy(error):
    """Whether an error, or what it comes of, says that a lock was not to be
    had."""
    while error is not None:
        code = (error.args[0] if error.args else None,
                getattr(error, 'sqlstate', None))
        if set(code) & set(_CODES):
            return True
        error = error.__cause__ or getattr(error, 'orig', None)
    return False
