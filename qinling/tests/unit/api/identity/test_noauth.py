# SPDX-License-Identifier: Apache-2.0
"""Addresses for servers without authentication."""

import socket
from unittest import mock

from oslotest import base

from qinling.api.identity import noauth
from qinling.tests import fixtures


class TestAddresses(base.BaseTestCase):
    def check(self, host, **options):
        conf = fixtures.configured(self, api=options)
        noauth.check_address(conf, host, '--host')

    def test_loopback_addresses(self):
        for host in ('127.0.0.1', '127.1.2.3', '::1', 'localhost',
                     '::ffff:127.0.0.1'):
            self.check(host)

    def test_other_addresses_need_a_decision(self):
        for host in ('0.0.0.0', '::', '192.0.2.1', '2001:db8::1',
                     '::ffff:192.0.2.1', 'fe80::1%lo'):
            error = self.assertRaises(ValueError, self.check, host)
            for words in (host, 'noauth', 'http_basic', '--host to 127',
                          'allow_noauth_on_network = true'):
                self.assertIn(words, str(error))
            self.check(host, allow_noauth_on_network=True)
            for strategy in ('http_basic', 'keystone'):
                self.check(host, auth_strategy=strategy)

    def test_names(self):
        for addresses, is_allowed in (
                (('127.0.0.1', '::1'), True),
                (('127.0.0.1', '192.0.2.1'), False)):
            infos = [(0, 0, 0, '', (address, 0)) for address in addresses]
            with mock.patch('socket.getaddrinfo', return_value=infos):
                if is_allowed:
                    self.check('host.example.com')
                else:
                    self.assertRaises(ValueError, self.check,
                                      'host.example.com')
        with mock.patch('socket.getaddrinfo', side_effect=socket.gaierror):
            self.check('unknown.example.com')
