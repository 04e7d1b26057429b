# SPDX-License-Identifier: Apache-2.0
"""Deletion of stored packages."""

import io

from oslotest import base

from qinling.db import crud
from qinling.db import models
from qinling.tests import fixtures


class TestPackages(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.packages = self.core.backends.packages

    def store(self, data=b'x'):
        return self.packages._storage.put(io.BytesIO(data)).key

    def function(self, key):
        return self.core.insert(models.Function, package=key)

    def test_drop_deletes_unused_packages(self):
        used, unused = self.store(), self.store()
        self.function(used)
        self.packages.drop(unused)
        self.packages.drop(used)
        self.packages.drop(None)
        self.assertEqual([used], self.core.packages())

    def test_drop_keeps_packages_of_versions(self):
        key = self.store()
        self.core.insert(models.FunctionVersion, package=key,
                         function_id=self.function(None))
        self.packages.drop(key)
        self.assertEqual([key], self.core.packages())

    def write_or_drop(self, key, action):
        with self.packages.dropped_on_error(key):
            return self.core.db.write(action)

    def test_successful_writes_keep_the_package(self):
        key = self.store()
        self.assertEqual('it', self.write_or_drop(key, lambda tx: (
            crud.insert(tx, models.Runtime, project_id='p', image='i',
                         status='available'), 'it')[1]))
        self.assertEqual([key], self.core.packages())

    def test_failed_writes_drop_the_package(self):
        key = self.store()
        for fault in (ValueError, SystemExit):
            def fail(tx, fault=fault):
                raise fault
            self.assertRaises(fault, self.write_or_drop, key, fail)
            self.assertEqual([], self.core.packages())

    def test_sweep(self):
        used, unused = self.store(), self.store()
        self.function(used)
        self.assertEqual(0, self.packages.sweep())
        self.assertEqual({used, unused}, set(self.core.packages()))
        self.assertEqual(1, self.packages.sweep(older_than=0))
        self.assertEqual([used], self.core.packages())
