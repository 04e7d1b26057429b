# SPDX-License-Identifier: Apache-2.0
"""Contract tests of the storage in Swift and in an S3 server."""

import functools
import io
from unittest import mock

from oslotest import base

from qinling import exception
from qinling.external import swift as external
from qinling.storage import s3
from qinling.storage import swift
from qinling.tests.contracts import network_stores
from qinling.tests.contracts import storage

UNKNOWN = '0' * 64 + '-01234567'


class NetworkContract(network_stores.OneSwift, storage.StorageContract):
    """Contract of network stores beyond the general contract.

    The test case provides ``elsewhere(url)``, a driver for the same place with
    requests to another URL and a timeout of a second, and ``overwrite(key,
    data)``.
    """

    def calls(self, driver):
        return [functools.partial(driver.put, io.BytesIO(b'bytes')),
                functools.partial(driver.open, UNKNOWN),
                functools.partial(driver.delete, UNKNOWN),
                lambda: list(driver.list_keys(0))]

    def test_changed_bytes_are_detected(self):
        stored = self.put(b'the function')
        self.overwrite(stored.key, b'another one')
        e = self.assertRaises(exception.TemporaryError, self.driver.open,
                              stored.key)
        self.assertIn(stored.key, str(e))

    def test_store_is_down(self):
        with network_stores.closed_port() as url:
            for call in self.calls(self.driver_at(url)):
                self.assertRaises(exception.TemporaryError, call)

    def test_store_never_answers(self):
        with network_stores.silent_server() as url:
            self.assertRaises(exception.TemporaryError,
                              self.driver_at(url).open, UNKNOWN)

    def test_store_fails_or_rejects(self):
        for status in (401, 403, 500, 503):
            with network_stores.status_server(status) as url:
                for call in self.calls(self.driver_at(url)):
                    self.assertRaises(exception.TemporaryError, call)

    def test_connection_lost_during_a_put(self):
        with network_stores.cutting_relay(self.swift.url,
                                          sent_limit=300_000) as url:
            self.assertRaises(
                exception.TemporaryError, self.driver_at(url).put,
                io.BytesIO(bytes(5_000_000)))
        self.assertEqual(set(), self.keys())

    def test_connection_lost_during_a_fetch(self):
        stored = self.put(bytes(5_000_000))
        with network_stores.cutting_relay(
                self.swift.url, received_limit=300_000) as url:
            self.assertRaises(exception.TemporaryError,
                              self.driver_at(url).open, stored.key)


class TestSwift(NetworkContract, base.BaseTestCase):
    def setUp(self):
        self.conf = self.swift_conf()
        super().setUp()

    def make_driver(self):
        return swift.Driver(self.conf)

    def driver_at(self, url):
        account = self.driver._url().partition('/v1/')[2].partition('/')[0]
        return swift.Driver(self.load(swift={
            'auth_type': 'admin_token', 'timeout': 1,
            'endpoint': f'{url}/v1/{account}',
            'token': self.keystone.service.token(),
            'container': self.conf.swift.container}))

    def overwrite(self, key, data):
        self.driver._swift.put(
            self.driver._auth, self.driver._url(key), io.BytesIO(data))

    def test_missing_container_is_created(self):
        self.assertEqual(set(), self.keys())
        self.assertRaises(FileNotFoundError, self.driver.open, UNKNOWN)
        self.driver.delete(UNKNOWN)
        self.assertEqual({self.put().key}, self.keys())

    def test_keys_of_several_pages(self):
        keys = {self.put(b'%d' % number).key for number in range(5)}
        request = external.Swift._request

        def limit_to_two(self, method, auth, url, **kwargs):
            if 'params' in kwargs:
                kwargs['params'] = dict(kwargs['params'], limit=2)
            return request(self, method, auth, url, **kwargs)
        with mock.patch.object(external.Swift, '_request', limit_to_two):
            self.assertEqual(keys, self.keys())

    def test_revoked_token(self):
        key = self.put(b'0').key
        auth, session = self.driver._auth, self.driver._swift._session
        for call in (lambda: self.put(bytes(100_000)), self.keys,
                     lambda: self.read(key)):
            session.delete(
                f'{self.keystone.url}/auth/tokens', auth=auth,
                headers={'X-Subject-Token': auth.get_token(session)})
            call()

    def test_missing_credentials(self):
        e = self.assertRaises(ValueError, swift.Driver, self.load())
        self.assertIn('[swift] auth_type', str(e))


class TestS3(NetworkContract, base.BaseTestCase):
    speaks_s3 = True

    def setUp(self):
        self.conf = self.s3_conf()
        network_stores.s3_client(self.conf).make_bucket(
            self.conf.s3.bucket)
        super().setUp()

    def make_driver(self):
        return s3.Driver(self.conf)

    def driver_at(self, url):
        return s3.Driver(self.s3_conf(
            bucket=self.conf.s3.bucket, endpoint_url=url, timeout=1,
            attempts=1))

    def overwrite(self, key, data):
        network_stores.s3_client(self.conf).put_object(
            self.conf.s3.bucket, key, io.BytesIO(data), len(data))

    def test_missing_bucket(self):
        driver = s3.Driver(self.s3_conf())
        e = self.assertRaises(exception.TemporaryError, driver.put,
                              io.BytesIO(b'bytes'))
        self.assertIn('NoSuchBucket', str(e))

    def test_a_prefix(self):
        conf = self.s3_conf(bucket=self.conf.s3.bucket, prefix='packages/')
        driver = s3.Driver(conf)
        self.put()
        stored = driver.put(io.BytesIO(b'bytes'))
        self.assertEqual([stored.key], list(driver.list_keys(0)))
        self.assertEqual(b'bytes', self.read(stored.key, driver))
        self.assertRaises(FileNotFoundError, self.driver.open, stored.key)
        driver.delete(stored.key)
        self.assertEqual([], list(driver.list_keys(0)))
        self.assertEqual(1, len(self.keys()))

    def test_wrong_key(self):
        driver = s3.Driver(self.s3_conf(
            bucket=self.conf.s3.bucket, secret_key='wrong'))
        for call in self.calls(driver):
            self.assertRaises(exception.TemporaryError, call)
