# SPDX-License-Identifier: Apache-2.0
"""When stored packages may go."""

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

    def test_drop_of_what_nobody_has(self):
        kept, lost = self.store(), self.store()
        self.function(kept)
        self.packages.drop(lost)
        self.packages.drop(kept)
        self.packages.drop(None)
        self.assertEqual([kept], self.core.packages())

    def test_drop_of_what_a_version_has(self):
        key = self.store()
        self.core.insert(models.FunctionVersion, package=key,
                         function_id=self.function(None))
        self.packages.drop(key)
        self.assertEqual([key], self.core.packages())

    def keep(self, key, action):
        with self.packages.dropped_on_error(key):
            return self.core.db.write(action)

    def test_keep_what_was_written(self):
        key = self.store()
        self.assertEqual('it', self.keep(key, lambda tx: (
            crud.insert(tx, models.Runtime, project_id='p', image='i',
                         status='available'), 'it')[1]))
        self.assertEqual([key], self.core.packages())

    def test_keep_nothing_that_was_not(self):
        key = self.store()
        for fault in (ValueError, SystemExit):
            def fail(tx, fault=fault):
                raise fault
            self.assertRaises(fault, self.keep, key, fail)
            self.assertEqual([], self.core.packages())

    def test_sweep(self):
        used, lost = self.store(), self.store()
        self.function(used)
        self.assertEqual(0, self.packages.sweep())
        self.assertEqual({used, lost}, set(self.core.packages()))
        self.assertEqual(1, self.packages.sweep(older_than=0))
        self.assertEqual([used], self.core.packages())
