# SPDX-License-Identifier: Apache-2.0
"""Databases and message buses of single tests, with faults on demand."""

import contextlib
import glob
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
import uuid

import sqlalchemy as sa

from qinling.tests import databases
from qinling.tests.functional import base as servers
from qinling.tests import ports


def find_program(*patterns):
    """Return the path of a program; skip the test without the program."""
    for pattern in patterns:
        for path in (shutil.which(pattern), *sorted(glob.glob(pattern))):
            if path:
                return path
    raise unittest.SkipTest(f'There is no {patterns[0]} on this machine.')


class Daemon(databases.Fixture):
    """Server with a separate directory and port.

    :cvar user: account of the server for tests as root, since the server
        refuses to run as root.
    """

    user = None

    def _setUp(self):
        self.program = self.find()
        # Short, since it holds sockets, and where any user may go.
        self.directory = pathlib.Path(
            tempfile.mkdtemp(prefix='q-', dir='/tmp'))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.directory.chmod(0o755)
        self.data = self.directory / 'data'
        self.data.mkdir(mode=0o700)
        self.as_user = {}
        if os.getuid() == 0:
            try:
                entry = pwd.getpwnam(self.user)
            except KeyError:
                raise unittest.SkipTest(f'There is no user {self.user}.')
            self.as_user = {'user': entry.pw_uid, 'group': entry.pw_gid,
                            'extra_groups': []}
            os.chown(self.data, entry.pw_uid, entry.pw_gid)
        self.port = ports.free()
        self.process = None
        self.addCleanup(self.kill)
        self.prepare()
        self.start()

    def run(self, *words):
        """Run a program to the end."""
        subprocess.run(words, check=True, capture_output=True,
                       stdin=subprocess.DEVNULL, cwd=self.data,
                       env=self.environment(), **self.as_user)

    def start(self):
        """Start the server, also after :meth:`kill`, and wait for readiness.
        """
        with (self.directory / 'log').open('ab') as log:
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, cwd=self.data,
                stdin=subprocess.DEVNULL, start_new_session=True,
                env=self.environment(), **self.as_user)
        servers.wait_for(self._serving, type(self).__name__)

    def _serving(self):
        if self.process.poll() is not None:
            raise AssertionError((self.directory / 'log').read_text())
        return self.serving()

    def kill(self):
        """Kill all processes of the server as a power cut does."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def environment(self):
        """Return the environment variables of the programs."""
        return dict(os.environ, HOME=str(self.data), LC_ALL='C.UTF-8')


class Sql(Daemon):
    """Database server, with one database at ``url``."""

    def serving(self):
        with contextlib.suppress(sa.exc.DBAPIError):
            self.execute('SELECT 1', self.first)
            return True

    def start(self):
        super().start()
        if not hasattr(self, 'url'):
            self.execute('CREATE DATABASE qinling', self.first)
            self.url = self.first.rpartition('/')[0] + '/qinling'

    def execute(self, statement, url=None):
        """Return the rows of a committed statement."""
        engine = sa.create_engine(
            url or self.url, poolclass=sa.pool.NullPool,
            isolation_level='AUTOCOMMIT')
        with engine.connect() as connection:
            result = connection.exec_driver_sql(statement)
            return result.all() if result.returns_rows else None


class Mariadb(Sql):
    """MariaDB server."""

    user = 'mysql'

    def find(self):
        self.installer = find_program('mariadb-install-db')
        return find_program('mariadbd', '/usr/sbin/mariadbd')

    def prepare(self):
        self.run(self.installer, '--no-defaults', f'--datadir={self.data}',
                 '--auth-root-authentication-method=normal',
                 '--skip-test-db')
        self.first = f'mysql+pymysql://root@127.0.0.1:{self.port}/mysql'

    def command(self):
        return [self.program, '--no-defaults', f'--datadir={self.data}',
                f'--port={self.port}', '--bind-address=127.0.0.1',
                f'--socket={self.data}/socket', '--max-connections=500',
                f'--pid-file={self.data}/pid']


class Postgres(Sql):
    """PostgreSQL server."""

    user = 'postgres'

    def find(self):
        self.installer = find_program('/usr/lib/postgresql/*/bin/initdb',
                                      'initdb')
        return find_program('/usr/lib/postgresql/*/bin/postgres', 'postgres')

    def prepare(self):
        self.run(self.installer, '-D', str(self.data), '-U', 'postgres',
                 '--auth=trust', '--no-sync', '-E', 'UTF8')
        self.first = ('postgresql+psycopg://postgres@127.0.0.1:'
                      f'{self.port}/postgres')

    def command(self):
        return [self.program, '-D', str(self.data), '-p', str(self.port),
                '-h', '127.0.0.1', '-k', str(self.data),
                '-c', 'max_connections=500']


class Rabbit(Daemon):
    """RabbitMQ server; ``bus`` is the URL."""

    user = 'rabbitmq'

    def find(self):
        return find_program('/usr/lib/rabbitmq/bin/rabbitmq-server')

    def prepare(self):
        self.node = f'q{uuid.uuid4().hex[:8]}@localhost'
        self.distribution = ports.free()
        self.bus = f'rabbit://guest:guest@127.0.0.1:{self.port}/'
        (self.data / 'rabbitmq.conf').write_text(
            f'listeners.tcp.local = 127.0.0.1:{self.port}\n')
        (self.data / 'rabbitmq.conf').chmod(0o644)

    def environment(self):
        return dict(
            super().environment(), RABBITMQ_NODENAME=self.node,
            RABBITMQ_NODE_PORT=str(self.port),
            RABBITMQ_DIST_PORT=str(self.distribution),
            RABBITMQ_MNESIA_BASE=f'{self.data}/mnesia',
            RABBITMQ_LOG_BASE=f'{self.data}/log',
            RABBITMQ_CONFIG_FILE=f'{self.data}/rabbitmq',
            RABBITMQ_ENABLED_PLUGINS_FILE=f'{self.data}/plugins',
            RABBITMQ_CONF_ENV_FILE=f'{self.data}/none',
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=(
                '-kernel inet_dist_use_interface {127,0,0,1}'))

    def command(self):
        return [self.program]

    def serving(self):
        with contextlib.suppress(OSError):
            with socket.create_connection(('127.0.0.1', self.port), 5) as c:
                # It answers a client of another protocol with its own.
                c.sendall(b'AMQP\0\0\0\0')
                return c.recv(8)[:4] == b'AMQP'
