# SPDX-License-Identifier: Apache-2.0
"""Test databases without and with a server."""

import unittest

import fixtures as fixtures_library
from oslotest import base

from qinling.db import crud
from qinling.db import driver
from qinling.db import models
from qinling.tests import databases
from qinling.tests import fixtures


class TestDatabases(base.BaseTestCase):
    def test_missing_servers_skip_the_test(self):
        # Port 1 has no listener.
        self.useFixture(fixtures_library.MonkeyPatch(
            'qinling.tests.databases.SERVERS',
            {'gone': 'postgresql+psycopg://postgres@127.0.0.1:1/postgres'}))
        for fixture in (databases.Database('gone'), fixtures.Core('gone'),
                        fixtures.Api('gone')):
            error = self.assertRaises(unittest.SkipTest, fixture.setUp)
            self.assertIn('gone cannot be reached', str(error))

    def test_databases_are_empty_for_each_test(self):
        for backend in databases.BACKENDS:
            for _ in range(2):
                with databases.Database(backend) as database:
                    self.assertFalse(database.db.read(
                        lambda tx: crud.exists(tx, models.Runtime)))
                    database.db.write(lambda tx: crud.insert(
                        tx, models.Runtime,
                        **databases.sample(models.Runtime)))

    def test_wait_until_raises_at_the_timeout(self):
        self.useFixture(fixtures_library.MonkeyPatch(
            'qinling.tests.databases.PATIENCE', 0.01))
        self.assertRaises(AssertionError, databases.wait_until,
                          lambda: False)


class TestDrivers(base.BaseTestCase):
    """Programs end with a sentence for an unusable driver."""

    def test_usable(self):
        for url in ('postgresql+psycopg://u:p@h/d', 'sqlite:////tmp/x.db',
                    'mysql+pymysql://u:p@h/d?charset=utf8mb4'):
            driver.check_driver(url)

    def test_unusable(self):
        for url, sentence in (
                ('postgresql+asyncpg://u:p@h/d', 'is not supported'),
                ('oracle://u:p@h/d', 'is not supported'),
                ('postgresql+psycopg2://u:pass@h/d', 'is not installed'),
                ('pass', 'is not a URL')):
            error = self.assertRaises(ValueError, driver.check_driver, url)
            self.assertIn(sentence, str(error))
            self.assertIn('use postgresql+psycopg://', str(error))
            self.assertNotIn('pass@', str(error))
