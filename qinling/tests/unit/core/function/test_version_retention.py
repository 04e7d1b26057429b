# SPDX-License-Identifier: Apache-2.0
"""Deletion of old versions of functions that do not keep all."""

import io
from unittest import mock

from oslotest import base

from qinling.core.function import retention
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.tests import fixtures


class TestVersionRetention(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core())
        self.ctx = fixtures.caller()
        self.versions = self.core.services.versions
        self.function = self.core.function(keep_versions=2).id
        self.retention = retention.VersionRetention(
            self.core.db, self.core.engine, self.core.backends.packages)

    def publish(self, count=1):
        """Return the fate of the old versions at the last publication."""
        for _ in range(count):
            _, result = self.versions.publish(self.ctx, self.function)
        return result

    def numbers(self):
        return [row.version_number for row in self.versions.list(
            self.ctx, self.function, crud.Page(sort_key='version_number'))]

    def keep(self, number):
        self.core.services.functions.update(
            self.ctx, self.function, {'keep_versions': number}, None)

    def test_the_newest_are_kept(self):
        self.assertEqual([3], self.publish(5).deleted)
        self.assertEqual([4, 5], self.numbers())
        self.assertIn(('detach', self.function, 3), self.core.engine.calls)

    def test_zero_keeps_all(self):
        self.keep(0)
        self.assertEqual([], self.publish(5).deleted)
        self.assertEqual(0, self.retention.run())

    def test_used_versions_are_kept(self):
        self.publish(2)
        target = {'function_id': self.function, 'function_version': 1}
        self.core.services.jobs.create(
            self.ctx, {'pattern': '@daily', **target})
        self.core.insert(models.Execution, project_id=self.ctx.project_id,
                         function_id=self.function, function_version=2)
        self.publish()
        self.core.services.workers.provision(
            fixtures.caller(), self.function, 3, 1)
        reasons = {row.version_number: row.reason
                   for row in self.publish(2).in_use}
        self.assertEqual([1, 2, 3], list(reasons))
        self.assertIn('job', reasons[1])
        self.assertIn('execution', reasons[2])
        self.assertEqual('provisioned workers', reasons[3])

    def test_packages_are_removed(self):
        for number in range(4):
            self.core.services.functions.update(
                self.ctx, self.function, {}, io.BytesIO(fixtures.archive(
                    {'main.py': f'def main(): return {number}\n'})))
            self.publish()
        self.assertEqual(2, len(self.core.packages()))

    def test_publication_at_the_limit(self):
        self.core.conf.set_override('max_versions', 2,
                                    group='resource_limits')
        self.publish(3)
        self.assertEqual([2, 3], self.numbers())
        self.keep(0)
        self.assertRaises(exception.FunctionVersionLimit, self.publish)
        self.assertEqual([2, 3], self.numbers())

    def test_periodic_task(self):
        self.keep(0)
        self.publish(5)
        self.keep(2)
        self.assertEqual(3, self.retention.run())
        self.assertEqual([4, 5], self.numbers())
        self.assertEqual(0, self.retention.run())

    def test_turns_are_bounded(self):
        self.keep(0)
        self.publish(5)
        self.keep(1)
        with mock.patch.object(retention, 'MAX_DELETIONS', 3):
            self.assertEqual([3, 1], [self.retention.run()
                                      for _ in range(2)])

    def test_invalid_numbers(self):
        for value in (-1, 101, 'x', 1.5, True):
            error = self.assertRaises(exception.Invalid, self.keep, value)
            self.assertIn('between 0 and 100', str(error))
