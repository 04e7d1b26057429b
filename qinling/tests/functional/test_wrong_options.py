# SPDX-License-Identifier: Apache-2.0
"""Programs that cannot start say why in one sentence."""

import contextlib
import pathlib
import signal
import sqlite3

import fixtures
from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests import ports
from qinling.tests import virtual_hosts

SECRET = 's3/cr@t'


class TestDaemons(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir())
        self.without_schema = {
            'connection': f'sqlite:///{self.directory.join("empty.db")}'}

    def start(self, names, **config):
        config = {'api': {'host': '127.0.0.1', 'port': 0},
                  'storage': {'file_system_dir': self.directory.join('p')},
                  **config}
        return [self.useFixture(servers.Program(name, config=config))
                for name in names]

    def migrate(self):
        """Return the options of a database with the schema."""
        database = {'connection':
                    f'sqlite:///{self.directory.join("qinling.db")}'}
        manage = self.useFixture(servers.Program(
            'db_manage', 'upgrade', config={'database': database}))
        self.assertEqual(0, manage.process.wait(servers.PATIENCE))
        return database

    def test_sentences(self):
        file, = self.create_tempfiles([('file', '')])
        database, daemons = {'database': self.migrate()}, ('api', 'engine')
        cases = [
            (part, program) for names, part, config in (
                (daemons, 'There is no [database] connection', {}),
                (daemons, 'no schema of Qinling',
                 {'database': self.without_schema}),
                (daemons, '[DEFAULT] transport_url: Failed to load',
                 {'DEFAULT': {'transport_url': 'rabit://'}, **database}),
                (daemons, '[DEFAULT] transport_url is not a URL', {'DEFAULT': {
                    'transport_url': f'rabbit://me:{SECRET}@127.0.0.1/'},
                    **database}),
                (daemons, '[storage] file_system_dir: ',
                 {'storage': {'file_system_dir': f'{file}/packages'},
                  **database}),
                (daemons, 'The log cannot be written: ',
                 {'DEFAULT': {'log_file': f'{file}/log'}, **database}),
                (('engine',), 'choose from kubernetes, process.',
                 {'engine': {'orchestrator': 'none'}, **database}))
            for program in self.start(names, **config)]
        for part, program in cases:
            self.assertEqual(1, program.process.wait(servers.PATIENCE), part)
            log = program.log.read_text()
            self.assertIn('The configuration cannot be used: ', log)
            self.assertIn(part, log)
            self.assertNotIn('Traceback', log)
            self.assertNotIn(SECRET, log)

    def test_secrets_without_a_schema(self):
        manage = self.useFixture(servers.Program(
            'db_manage', 'rotate_secrets',
            config={'database': self.without_schema}))
        self.assertEqual(1, manage.process.wait(servers.PATIENCE))
        self.assertIn('run qinling-db-manage upgrade',
                      manage.log.read_text())
        self.assertNotIn('Traceback', manage.log.read_text())

    def test_broker_that_refuses(self):
        url = self.useFixture(virtual_hosts.VirtualHost()).url
        engine, = self.start(
            ['engine'], database=self.migrate(),
            DEFAULT={'transport_url': f'{url}-x'})
        self.assertEqual(1, engine.process.wait(servers.PATIENCE))
        self.assertIn('See [DEFAULT] transport_url: ', engine.log.read_text())
        self.assertNotIn('Traceback', engine.log.read_text())

    def test_stop_while_the_database_is_away(self):
        absent = self.useFixture(ports.Refusing())
        programs = self.start(['api', 'engine'], database={
            'connection': 'mysql+pymysql://me:secret@127.0.0.1:'
                          f'{absent.port}/q', 'retry_interval': 1000})
        for program in programs:
            servers.wait_for(
                lambda program=program: 'Waiting for the database'
                in program.log.read_text(), 'the first try')
            program.process.send_signal(signal.SIGTERM)
            self.assertEqual(0, program.process.wait(servers.PATIENCE))


class TestStandalone(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.state = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def refusal(self):
        """Return the last line of a start that ends with exit code 1."""
        program = self.useFixture(servers.Program(
            'standalone', '--state-dir', str(self.state), '--port', '0'))
        self.assertEqual(1, program.process.wait(servers.PATIENCE))
        # Errors that oslo.db logs have a traceback.
        log = program.log.read_text()
        self.assertNotIn(' ERROR qinling', log)
        return log.splitlines()[-1]

    def test_damaged_database(self):
        (self.state / 'qinling.db').write_bytes(b'damaged' * 1000)
        self.assertIn('qinling.db: file is not a database.', self.refusal())

    def test_database_of_a_newer_release(self):
        with contextlib.closing(sqlite3.connect(
                self.state / 'qinling.db')) as database:
            database.execute('CREATE TABLE alembic_version (version_num)')
            database.execute("INSERT INTO alembic_version VALUES ('999')")
            database.commit()
        self.assertIn('has the schema of a newer release; install that',
                      self.refusal())

    def test_damaged_key(self):
        (self.state / 'secret.key').write_text('xx')
        self.assertIn('secret.key has no valid key. Restore', self.refusal())
