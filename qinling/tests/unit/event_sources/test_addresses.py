# SPDX-License-Identifier: Apache-2.0
"""Addresses that event sources may use."""

import socket
from unittest import mock

from oslotest import base

from qinling.event_sources import addresses
from qinling import exception

PRIVATE = ('127.0.0.1', '10.1.2.3', '172.16.0.1', '192.168.1.1',
           '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1',
           '255.255.255.255', '::1', '::', 'fe80::1', 'fe80::1%eth0',
           'fc00::1', 'ff02::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1',
           '2002:7f00:1::', '::127.0.0.1')
PUBLIC = '93.184.216.34', '2606:2800:220:1::1'


class TestGuard(base.BaseTestCase):
    def check(self, guard, address):
        try:
            guard.check(address, 'host')
        except exception.TemporaryError as e:
            self.assertIn('allowed_networks', str(e))
            self.assertNotIn(address, str(e).replace('host', ''))
            return False
        return True

    def test_public_addresses_only(self):
        guard = addresses.Guard()
        for address in PRIVATE:
            self.assertFalse(self.check(guard, address), address)
        for address in PUBLIC:
            self.assertTrue(self.check(guard, address), address)

    def test_allowed_and_denied(self):
        guard = addresses.Guard(['10.1.0.0/16', '::1'],
                                ['10.1.9.0/24', '93.184.0.0/16'])
        for address, expected in (
                ('10.1.2.3', True), ('10.2.2.3', False), ('::1', True),
                ('10.1.9.1', False), ('93.184.216.34', False),
                ('::ffff:10.1.9.1', False), ('::ffff:10.1.2.3', True)):
            self.assertEqual(expected, self.check(guard, address), address)

    def test_all_allowed(self):
        guard = addresses.Guard(denied=['169.254.0.0/16'], all_allowed=True)
        self.assertTrue(self.check(guard, '127.0.0.1'))
        self.assertFalse(self.check(guard, '169.254.169.254'))

    def test_every_address_of_a_host_counts(self):
        infos = [(2, 1, 6, '', (address, 1)) for address in (
            PUBLIC[0], '127.0.0.1')]
        guard = addresses.Guard()
        with mock.patch.object(socket, 'getaddrinfo', return_value=infos):
            self.assertRaises(exception.TemporaryError, guard.resolve,
                              'rebinding.example', 1)
        with mock.patch.object(socket, 'getaddrinfo',
                               return_value=infos[:1]):
            self.assertEqual(PUBLIC[0], guard.resolve('good.example', 1))

    def test_unknown_host(self):
        error = self.assertRaises(
            exception.TemporaryError, addresses.Guard().resolve,
            'absent.invalid', 1)
        self.assertIn('absent.invalid has no address', str(error))

    def test_malformed_network(self):
        self.assertRaises(ValueError, addresses.Guard, ['10.0.0.0/99'])
