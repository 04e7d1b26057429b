# SPDX-License-Identifier: Apache-2.0
"""Tests of the commands for digests, tags and retention of versions."""

from qinling.tests.functional import shells


class TestClosedVersions(shells.Case):
    def test_retention(self):
        self.shell.run('function create', '--name', 'short', '--runtime',
                       'python3', '--file', 'main.py', '--keep-versions', 1)
        for number in (1, 2):
            self.shell.run('function version create', 'short')
        self.assertIn('Deleted version 1.', self.shell.errors)
        self.shell.run('function alias create', 'short', '--function',
                       'short', '--function-version', 2)
        self.shell.run('function version create', 'short')
        self.assertIn('Kept version 2: alias short', self.shell.errors)
        self.assertEqual(0, self.shell.json(
            'function update', 'short', '--keep-versions', 0)[
                'keep_versions'])

    def test_tags_and_digest(self):
        self.shell.run('function create', '--name', 'tagged', '--runtime',
                       'python3', '--file', 'main.py')
        row = self.shell.json(
            'function version create', 'tagged', '--message', 'why',
            '--tag', 'a', '--tag', 'b')
        self.assertEqual(('why', ['a', 'b']), (row['message'], row['tags']))
        verified = self.shell.json('function version verify', 'tagged', 1)
        self.assertEqual((True, row['digest']), (verified['valid'],
                                                 verified['recomputed']))
        listed = self.shell.json('function version list', 'tagged', '--long',
                                 '--filter', 'tags=has:b')
        self.assertEqual([1], [row['Version_number'] for row in listed])
        self.assertEqual([], self.shell.json(
            'function version update', 'tagged', 1, '--no-tags')['tags'])
        self.assertIn('Specify what to change', self.shell.fails(
            'function version update', 'tagged', 1))
