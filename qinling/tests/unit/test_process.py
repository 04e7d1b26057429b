# SPDX-License-Identifier: Apache-2.0
"""Notification of systemd and reload at SIGHUP."""

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

    def notify(self, path):
        self.useFixture(fixtures_module.EnvironmentVariable(
            'NOTIFY_SOCKET', path))
        process.notify_systemd('READY=1')

    def test_abstract_sockets(self):
        name = f'qinling-{id(self)}'
        listener = self.listen(f'\0{name}')
        self.notify(f'@{name}')
        self.assertEqual(b'READY=1', listener.recv(100))

    def test_missing_sockets_are_ignored(self):
        self.notify(self.useFixture(fixtures_module.TempDir()).join('none'))
        self.notify(None)


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

    def test_reload_changes_mutable_options(self):
        limits = self.conf.api
        self.write('[api]\nmax_page_size = 7\nthreads = 4\n')
        self.assertEqual((7, 3), (limits.max_page_size, limits.threads))

    def test_reads_during_a_reload_cache_no_old_value(self):
        read = self.conf._reload_config_files

        def read_during_reload():
            result = read()
            self.assertEqual(1, self.conf.api.max_page_size)
            return result
        with mock.patch.object(self.conf, '_reload_config_files',
                               read_during_reload):
            self.write('[api]\nmax_page_size = 7\n')
        self.assertEqual(7, self.conf.api.max_page_size)

    def test_invalid_files_are_ignored(self):
        for text in ('nonsense', '[api]\nmax_page_size = many\n',
                     '[api]\nmax_page_size = -5\n'):
            self.write(text)
            self.assertEqual(1, self.conf.api.max_page_size)

    def handled_signals(self, terminal):
        """Return the handled signals after the start."""
        with mock.patch.object(signal, 'signal') as set_handler, mock.patch(
                'os.isatty', return_value=terminal):
            process.notify_ready(self.conf)
        return [call.args[0] for call in set_handler.call_args_list]

    def test_sighup_in_a_terminal_ends_the_program(self):
        self.assertEqual([], self.handled_signals(terminal=True))
        self.assertEqual([signal.SIGHUP], self.handled_signals(terminal=False))
