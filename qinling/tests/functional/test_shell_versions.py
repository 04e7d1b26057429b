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

    def create_versions(self, name):
        """Create a function with versions 1 and 2, and an alias at 1."""
        path = self.directory / f'{name}.py'
        self.shell.run('function create', '--name', name, '--runtime',
                       'python3', '--file', 'main.py', '--entry',
                       f'{name}.main')
        for number in (1, 2):
            path.write_text(f'def main(): return {number}\n')
            self.shell.run('function update', name, '--file', f'{name}.py')
            self.shell.run('function version create', name)
        self.shell.run('function alias create', name, '--function', name,
                       '--function-version', 1)

    def test_chosen_version(self):
        self.create_versions('chosen')
        for words, expected in (((), '1\n'),
                                (('--function-version', 2), '2\n')):
            self.assertEqual(expected, self.shell.run(
                'function invoke', '--alias', 'chosen', *words))
        row = self.shell.json(
            'function execution create', '--function-alias', 'chosen',
            '--function-version', 2)
        self.assertEqual((2, True), (row['function_version'],
                                     row['version_chosen']))
        self.assertTrue(row['digest'].startswith('sha256:'))

    def test_previews(self):
        self.create_versions('preview')
        row = self.shell.json('webhook create', '--description', 'preview',
                              '--function-alias', 'preview', '--sync',
                              '--previews')
        self.assertEqual(2, len(row['preview_urls']))
        url = row['webhook_url'].removesuffix('/invoke')
        path = url.removeprefix(self.client.url)
        for variant, expected in (('', 1), ('/versions/2', 2),
                                  ('/aliases/preview', 1)):
            self.assertEqual((200, expected), self.client.call(
                'POST', f'{path}{variant}/invoke'))
        for words, expected in ((('--function-version', 2), '2'),
                                (('--alias', 'preview'), '1')):
            self.assertEqual(expected, self.shell.value(
                'output', 'webhook invoke', 'preview', *words))
        self.assertEqual([], self.shell.json(
            'webhook update', 'preview', '--no-previews')['preview_urls'])
        self.assertIn('Webhook not found', self.shell.fails(
            'webhook invoke', 'preview', '--function-version', 2))
