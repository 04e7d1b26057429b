# SPDX-License-Identifier: Apache-2.0
"""Limit of the silence of this process within a transaction.

A process that freezes amid a transaction would keep its locks, and stop all
others that need them, as long as the process is frozen.
"""

import typing

import sqlalchemy

#: Seconds after which the server ends the connection of a silent process.
#: Shorter than the silence that the other processes tolerate.
IDLE_SECONDS = 5


def end_idle_transactions(engine: sqlalchemy.Engine, patient: bool) -> None:
    """Let the server roll back the transactions of a frozen process.

    :param patient: leave out the limit, as changes of the schema need.
    """
    if patient or engine.dialect.name == 'sqlite':
        return

    @sqlalchemy.event.listens_for(engine, 'connect')
    def set_limit(connection: typing.Any, _record: typing.Any) -> None:
        cursor = connection.cursor()
        if engine.dialect.name == 'postgresql':
            cursor.execute('SET idle_in_transaction_session_timeout = '
                           f"'{IDLE_SECONDS}s'")
            connection.commit()
        elif 'MariaDB' in str(connection.get_server_info()):
            # MySQL has no such limit.
            cursor.execute('SET SESSION idle_transaction_timeout = '
                           f'{IDLE_SECONDS}')
        cursor.close()
