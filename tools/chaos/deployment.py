# SPDX-License-Identifier: Apache-2.0
"""Cloud whose processes each reach database and bus through own relays."""

import typing

import sqlalchemy as sa

from qinling.tests.contracts import relays
from qinling.tests.functional import base as servers

#: Ports of the servers.
PORTS = {'mariadb': 3306, 'postgresql': 5432}
BUS_PORT = 5672
ENGINE = {'lease': 5, 'sweep_interval': 1, 'queue_timeout': 15,
          'max_attempts': 10, 'misfire_grace': 3600}


class Deployment(servers.Cloud):
    """APIs and engines, with breakable connections.

    ``relays`` maps each program to the relays to the database and the bus.
    """

    def __init__(self, backend: str, engines: int = 2, apis: int = 2) -> None:
        super().__init__(
            engines=engines, apis=apis, database=servers.Database(backend),
            engine=ENGINE, resource_limits={'max_versions': 100_000},
            oslo_messaging_rabbit={'rabbit_quorum_queue': True})
        self._backend = backend
        self.relays: dict[typing.Any, dict[str, typing.Any]] = {}
        #: API -> client, for APIs that serve.
        self.clients: dict[typing.Any, typing.Any] = {}

    def _setUp(self) -> None:
        self.useFixture(self.database)
        super()._setUp()
        self.clients = {api: self.client_of(api) for api in self.apis}

    def program(self, name: str, config: dict[str, dict[str, typing.Any]]
                ) -> typing.Any:
        """Return a started program behind relays."""
        database = self.useFixture(relays.Relay(PORTS[self._backend]))
        bus = self.useFixture(relays.Relay(BUS_PORT))
        url = sa.make_url(config['database']['connection']).set(
            host='127.0.0.1', port=database.port)
        config = {
            **config,
            'DEFAULT': {**config['DEFAULT'], 'transport_url': config[
                'DEFAULT']['transport_url'].replace(
                    f':{BUS_PORT}', f':{bus.port}')},
            'database': {**config['database'], 'connection':
                         url.render_as_string(hide_password=False)}}
        program = super().program(name, config)
        self.relays[program] = {'database': database, 'bus': bus}
        return program

    def list_clients(self) -> list[typing.Any]:
        """Return the clients of all APIs."""
        return list(self.clients.values())

    def restart(self, program: typing.Any) -> None:
        """Start a program after its end, and wait until the program serves."""
        program.start()
        if program in self.apis:
            self.clients[program] = self.client_of(program)
        else:
            servers.wait_for(lambda: self.listening(program), 'the engine')
