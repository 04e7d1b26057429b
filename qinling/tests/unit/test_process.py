# SPDX-License-Identifier: Apache-2.0
"""What the daemons tell systemd, and do at SIGHUP."""

import signal
import socket
from unittest import mock

import fixtures as fixtures_module
from oslotest import base

from qinling.cmd import process
from qinling import conf as qinling_conf
from qinling.tests import databases


class TestNotify(base.BaseTestCase):
    def listen(self, address):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(listener.close)
        listener.settimeout(databases.PATIENCE)
        listener.bind(address)
        return listener

    def say(self, path):
        self.useFixture(fixtures_module.EnvironmentVariable(
            'NOTIFY_SOCKET', path))
        process.notify_systemd('READY=1')

    def test_a_socket_without_a_file(self):
        name = f'qinling-{id(self)}'
        listener = self.listen(f'\0{name}')
        self.say(f'@{name}')
        self.assertEqual(b'READY=1', listener.recv(100))

    def test_nobody_listens(self):
        self.say(self.useFixture(fixtures_module.TempDir()).join('none'))
        self.say(None)


class TestReload(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.path = self.create_tempfiles(
            [('qinling', '[api]\nmax_page_size = 1\nthreads = 3\n')],
            '.conf')[0]
        self.conf = qinling_conf.load([], [self.path])

    def write(self, text):
        with open(self.path, 'w') as stream:
            stream.write(text)
        process._reload(self.conf)

    def test_what_can_be_changed_is(self):
        limits = self.conf.api
        self.write('[api]\nmax_page_size = 7\nthreads = 4\n')
        self.assertEqual((7, 3), (limits.max_page_size, limits.threads))

    def test_who_reads_meanwhile_keeps_nothing_old(self):
        read = self.conf._reload_config_files

        def slowly():
            found = read()
            self.assertEqual(1, self.conf.api.max_page_size)
            return found
        with mock.patch.object(self.conf, '_reload_config_files', slowly):
            self.write('[api]\nmax_page_size = 7\n')
        self.assertEqual(7, self.conf.api.max_page_size)

    def test_files_that_are_wrong_change_nothing(self):
        for text in ('nonsense', '[api]\nmax_page_size = many\n',
                     '[api]\nmax_page_size = -5\n'):
            self.write(text)
            self.assertEqual(1, self.conf.api.max_page_size)

    def serving(self, terminal):
        """Whether SIGHUP was taken."""
        with mock.patch.object(signal, 'signal') as taken, mock.patch(
                'os.isatty', return_value=terminal):
            process.notify_ready(self.conf)
        return [call.args[0] for call in taken.call_args_list]

    def test_a_terminal_that_goes_ends_the_program(self):
        self.assertEqual([], self.serving(terminal=True))
        self.assertEqual([signal.SIGHUP], self.serving(terminal=False))
