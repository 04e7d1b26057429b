# SPDX-License-Identifier: Apache-2.0
"""Client of the only engine, without a message bus."""

import typing

from qinling.core import engine_client
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core import targets
from qinling import exception
from qinling.rpc import channel
from qinling.rpc import forms
from qinling.rpc import roads
from qinling.rpc import verbs


class EngineClient(verbs.Verbs):
    """Verbs of an engine over a Unix socket.

    :param path: of the socket of :class:`qinling.rpc.direct_server.Server`.
    """

    writes_rows = True

    def __init__(self, path: str) -> None:
        self._channel = channel.Channel(roads.UnixRoad(path))
        self.connect = self._channel.connect
        self.close = self._channel.close
        self.call = self._channel.call

    @property
    def owner(self) -> str | None:
        """Return the engine that runs the executions of this process."""
        if self._channel.owner is None:
            self.connect()
        return self._channel.owner

    def run(self, message: records.ExecutionMessage,
            target: targets.Target) -> outcomes.Ended | None:
        """Run an execution and wait for the end."""
        try:
            return forms.decode_end(self._channel.exchange(
                forms.encode_run(message, target), 'run'))
        except channel.Silent as e:
            # The engine may start later, unless the row has an end.
            raise engine_client.EngineLost(str(e))

    def is_alive(self, owner: str) -> bool | None:
        """Return whether the engine answers."""
        try:
            return bool(self.call('is_alive', owner=owner))
        except exception.Unavailable:
            return False

    def _call(self, method: str, timeout: float, server: str | None = None,
              **arguments: typing.Any) -> typing.Any:
        # A silence raises an error, so the time limit is not needed.
        return self.call(method, **arguments)

    def _cast(self, method: str, fanout: bool = False,
              server: str | None = None, **arguments: typing.Any) -> None:
        # The verbs return at once.
        self.call(method, **arguments)

    def _gather(self, method: str, **arguments: typing.Any
                ) -> dict[str | None, typing.Any]:
        return {None: self.call(method, **arguments)}

    def _gather_all(self, method: str, **arguments: typing.Any
                    ) -> dict[str | None, typing.Any]:
        return self._gather(method, **arguments)
