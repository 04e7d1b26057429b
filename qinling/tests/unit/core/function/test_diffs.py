# SPDX-License-Identifier: Apache-2.0
"""Differences between versions."""

import io
import os

from oslotest import base

from qinling.core.function import diffs
from qinling.core import secrets
from qinling import exception
from qinling.tests import fixtures

LINES = ''.join(f'line {number}\n' for number in range(30))


class TestDifferences(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(secrets={
            'encryption_keys': [secrets.new_key()]}))
        self.ctx = fixtures.caller()

    def publish(self, *packages, **settings):
        """Return a function with a version for each package."""
        archives = [fixtures.archive(files) for files in packages]
        function = self.core.function(package=archives[0])
        services = self.core.services
        services.versions.create(self.ctx, function.id, None)
        for archive in archives[1:]:
            services.functions.update(
                self.ctx, function.id, settings, io.BytesIO(archive))
            services.versions.create(self.ctx, function.id, None)
        return function.id

    def compare(self, id, old=1, new=2):
        return self.core.services.differences.compare(self.ctx, id, old, new)

    def test_files(self):
        binary = os.urandom(100)
        id = self.publish(
            {'main.py': LINES, 'old.py': 'a\n', 'same.py': 'same',
             'data': b'\0' + binary, 'big.txt': 'x' * 200_000},
            {'main.py': LINES.replace('line 7\n', 'line seven\n'),
             'new.py': 'b', 'same.py': 'same',
             'data': b'\1' + binary, 'big.txt': 'y' * 200_000})
        difference = self.compare(id)
        files = {file.path: file for file in difference.files}
        self.assertEqual(['big.txt', 'data', 'main.py', 'new.py', 'old.py'],
                         [file.path for file in difference.files])
        self.assertIn('\n-line 7\n+line seven\n', files['main.py'].diff)
        self.assertEqual(('added', None, 1, True), (
            files['new.py'].change, files['new.py'].old_size,
            files['new.py'].new_size, '+b\n' in files['new.py'].diff))
        self.assertEqual(('removed', 2, None), (
            files['old.py'].change, files['old.py'].old_size,
            files['old.py'].new_size))
        for path in ('data', 'big.txt'):
            self.assertEqual(('changed', None), (
                files[path].change, files[path].diff))
        self.assertFalse(difference.truncated)

    def test_settings(self):
        id = self.publish({'main.py': LINES})
        self.core.services.functions.update(
            self.ctx, id, {'timeout': 7, 'environment': {'LEVEL': 'debug'}},
            None)
        difference = self.compare(id, 1, 0)
        self.assertEqual({'timeout': {'old': 5, 'new': 7},
                          'environment': {'old': {},
                                          'new': {'LEVEL': 'debug'}}},
                         difference.settings)
        self.assertEqual([], difference.files)
        self.assertEqual(difference, self.compare(id, None, 0))
        difference = self.compare(id, 1, 1)
        self.assertEqual(({}, []), (difference.settings, difference.files))

    def test_secrets(self):
        function = self.core.function(secrets={'PASSWORD': 'hush'})
        self.core.services.versions.create(self.ctx, function.id, None)
        self.core.services.functions.update(
            self.ctx, function.id, {'secrets': {'PASSWORD': 'hush hush'}},
            None)
        difference = self.compare(function.id, 1, 0)
        self.assertEqual({'secrets': {
            'old': {'PASSWORD': {'number': 1, 'mode': 'pinned'}},
            'new': {'PASSWORD': {'number': 2, 'mode': 'pinned'}}}},
            difference.settings)
        self.assertNotIn('hush', str(difference))

    def test_work_is_bounded(self):
        before = {f'{number}.py': LINES for number in range(diffs.MAX_FILES)}
        after = {path: text + 'more\n' for path, text in before.items()}
        after['zz.py'] = ''
        difference = self.compare(self.publish(before, after))
        self.assertTrue(difference.truncated)
        self.assertEqual(diffs.MAX_FILES, len(difference.files))
        compared = [file for file in difference.files if file.diff]
        self.assertEqual(diffs.MAX_ALL_LINES // 61, len(compared))

    def test_unknown_versions(self):
        id = self.publish({'main.py': LINES})
        self.assertRaises(exception.FunctionVersionNotFound, self.compare,
                          id, 1, 2)
        self.assertRaises(
            exception.FunctionNotFound, self.compare,
            '11111111-2222-4333-8444-555555555555', 0, 1)
