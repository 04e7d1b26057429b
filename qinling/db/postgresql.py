# SPDX-License-Identifier: Apache-2.0
"""Connections to PostgreSQL that limit the silence of the server.

libpq limits only the silence of the host, see ``tcp_user_timeout``: a server
that is stopped or hangs on a host that answers would be waited for without a
limit.
"""

from collections.abc import Callable
from collections.abc import Generator
import time
import typing

import sqlalchemy


def limit_silence(engine: sqlalchemy.Engine, seconds: float) -> None:
    """Let the connections of an engine give up a silent server.

    Such a statement ends with an ``OperationalError`` caused by a
    :class:`TimeoutError`, and its connection is closed.
    """
    # An optional library, which only this database needs.
    import psycopg

    class Connection(psycopg.Connection[typing.Any]):
        """Connection with a limit of the silence after a statement."""

        def wait(self, gen: typing.Any, *args: typing.Any,
                 **kwargs: typing.Any) -> typing.Any:
            """Wait for a statement; see :class:`psycopg.Connection`."""
            return super().wait(
                _limit(gen, seconds, self._give_up), *args, **kwargs)

        def _give_up(self) -> typing.NoReturn:
            # What the server does with the statement is not known.
            self.close()
            raise psycopg.OperationalError(
                f'the server was silent for {seconds} s'
            ) from TimeoutError()

    @sqlalchemy.event.listens_for(engine, 'do_connect')
    def connect(_dialect: typing.Any, _record: typing.Any,
                args: typing.Any, params: typing.Any) -> typing.Any:
        try:
            return Connection.connect(*args, **params)
        except psycopg.errors.ConnectionTimeout as e:
            raise e from TimeoutError()


def _limit(gen: Generator[typing.Any, typing.Any, typing.Any],
           seconds: float, give_up: Callable[[], typing.NoReturn]
           ) -> Generator[typing.Any, typing.Any, typing.Any]:
    """Pass on a generator of psycopg, which receives 0 when nothing came.

    Each yield waits for the socket, a fraction of a second at most.  The clock
    is read only during silence, so a quick statement costs no call more.
    """
    ready = silent_since = None
    while True:
        try:
            waited_for = gen.send(ready)
        except StopIteration as stop:
            return stop.value
        ready = yield waited_for
        if ready:
            silent_since = None
        elif silent_since is None:
            silent_since = time.monotonic()
        elif time.monotonic() - silent_since > seconds:
            give_up()
