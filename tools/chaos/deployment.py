# SPDX-License-Identifier: Apache-2.0
"""Cloud whose processes each reach database and bus through own relays."""

import re
import typing

import servers as chaos_servers
import sqlalchemy as sa

from qinling.tests.contracts import relays
from qinling.tests.functional import base as servers

BUS_PORT = 5672
#: Length of the end of a log in an error.
LOG_CHARACTERS = 8000
#: Line of a traceback in a log, and line before a traceback.
TRACEBACK = re.compile(r'[^\[]* (?:ERROR|CRITICAL) qinling\S* (?!\[)(.*)')
ERROR = re.compile(r'[^\[]* (?:ERROR|CRITICAL) qinling\S* \[[^\]]*\] (.*)')
ENGINE = {'lease': 5, 'sweep_interval': 1, 'queue_timeout': 15,
          'max_attempts': 10, 'misfire_grace': 3600}


class Deployment(servers.Cloud):
    """APIs and engines, with breakable connections, and a database server.

    ``relays`` maps each program to the relays to the database and the bus.
    """

    def __init__(self, backend: str, engines: int = 2, apis: int = 2) -> None:
        super().__init__(
            engines=engines, apis=apis,
            database=chaos_servers.DATABASES[backend](),
            engine=ENGINE, resource_limits={'max_versions': 100_000},
            oslo_messaging_rabbit={'rabbit_quorum_queue': True})
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
        database = self.useFixture(relays.Relay(self.database.port))
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
        program = self.useFixture(chaos_servers.Program(name, config=config))
        self.relays[program] = {'database': database, 'bus': bus}
        return program

    def list_clients(self) -> list[typing.Any]:
        """Return the clients of all APIs."""
        return list(self.clients.values())

    def list_tracebacks(self) -> list[str]:
        """Return the message and the error of each traceback in the logs."""
        tracebacks = []
        for program in (*self.engines, *self.apis):
            message, error = '', None
            for line in [*program.log.read_text().splitlines(), '']:
                if match := TRACEBACK.match(line):
                    error = match[1] or error
                    continue
                if error is not None:
                    tracebacks.append(f'{message} {error}')
                    error = None
                match = ERROR.match(line)
                message = match[1] if match else ''
        return tracebacks

    def restart(self, program: typing.Any) -> None:
        """Start a program after its end, and wait until the program serves."""
        program.start()
        try:
            if program in self.apis:
                self.clients[program] = self.client_of(program)
            else:
                servers.wait_for(lambda: self.listening(program),
                                 'the engine')
        except AssertionError as e:
            raise AssertionError(
                f'{e}\n{program.log.read_text()[-LOG_CHARACTERS:]}')
