# SPDX-License-Identifier: Apache-2.0
"""What tests get when they ask for a database."""

import unittest

import fixtures as fixtures_library
from oslotest import base

from qinling.db import crud
from qinling.db import models
from qinling.tests import databases
from qinling.tests import fixtures


class TestDatabases(base.BaseTestCase):
    def test_no_server_is_no_failure(self):
        # Nobody listens at port 1.
        self.useFixture(fixtures_library.MonkeyPatch(
            'qinling.tests.databases.SERVERS',
            {'gone': 'postgresql+psycopg://postgres@127.0.0.1:1/postgres'}))
        for made in (databases.Database('gone'), fixtures.Core('gone'),
                     fixtures.Api('gone')):
            error = self.assertRaises(unittest.SkipTest, made.setUp)
            self.assertIn('gone cannot be reached', str(error))

    def test_a_test_leaves_nothing_to_the_next(self):
        for backend in databases.BACKENDS:
            for _ in range(2):
                with databases.Database(backend) as made:
                    self.assertFalse(made.db.read(
                        lambda tx: crud.exists(tx, models.Runtime)))
                    made.db.write(lambda tx: crud.insert(
                        tx, models.Runtime,
                        **databases.sample(models.Runtime)))

    def test_waiting_in_vain(self):
        self.useFixture(fixtures_library.MonkeyPatch(
            'qinling.tests.databases.PATIENCE', 0.01))
        self.assertRaises(AssertionError, databases.wait_until,
                          lambda: False)
