# SPDX-License-Identifier: Apache-2.0
"""Tests of the files for npm."""

import json

from oslotest import base

from qinling import exception
from qinling.sources import npm_files

SECTIONS = ('dependencies', 'devDependencies', 'optionalDependencies',
            'peerDependencies')
PLAIN = ('', '*', '1.2.3', '^1.2', '~1', '>=1.0.0 <2 || 3.x', '1 - 2',
         'latest', 'next-11', 'v1.0.0', '=1.0.0', '1.0.0-rc.1+build.5',
         ' >= 1 ', 'npm:other', 'npm:other@^1', 'npm:@scope/other@1.x')
#: Versions that npm fetches from elsewhere than the registry.
ELSEWHERE = (
    'git+http://127.0.0.1:1/r.git', 'git+https://there/x', 'git://there/x',
    'git+ssh://git@there/x.git', 'git+file:///etc', 'git@github.com:a/b.git',
    'ssh://git@there/x', 'http://127.0.0.1/x.tgz', 'https://there/x.tgz',
    'HTTPS://there/x', 'file:../x', 'file:/etc', '../x', './x', '/etc', '~/x',
    '.', '..', 'x.tgz', 'x.tar.gz', 'X.TAR', 'link:../x', 'workspace:*',
    'portal:../x', 'patch:x', 'a/b', 'a/b#main', 'github:a/b', 'gitlab:a/b',
    'bitbucket:a/b', 'gist:11081aaa281', 'C:\\x', 'c:x', 'a\\b', ' git:x',
    'npm:git+http://there/x', 'npm:x@git+http://there/x', 'npm:npm:x',
    'npm:../x', 'npm:', 'npm:x@file:y', '1\n2/3', 'x%2fy', '$x', 'é',
    5, None, True, [], {}, '1' * 600)


def read(package, lock=None):
    """Return what npm gets of two files, given as objects or as bytes."""
    lock = lock or {'lockfileVersion': 3, 'packages': {}}
    texts = npm_files.read({
        name: value if isinstance(value, bytes) else
        json.dumps(value).encode() for name, value in (
            ('package.json', package), ('package-lock.json', lock))})
    return [json.loads(text) for text in texts.values()]


class NpmTest(base.BaseTestCase):
    def refused(self, words, package, lock=None):
        error = self.assertRaises(exception.Invalid, read, package, lock)
        self.assertIn(words, str(error))


class TestPackage(NpmTest):
    """package.json."""

    def test_versions_of_the_registry(self):
        for section in SECTIONS:
            for version in PLAIN:
                package = {section: {'@scope/a.b-c': version}}
                self.assertEqual(package, read(package)[0])

    def test_versions_from_elsewhere(self):
        for section in SECTIONS:
            for version in ELSEWHERE:
                self.refused("'left' in package.json is not installed: each "
                             'dependency must be a name with a version from '
                             'the registry', {section: {'left': version}})

    def test_sections_of_another_type(self):
        for section in (*SECTIONS, 'overrides', 'bundleDependencies',
                        'bundledDependencies', 'peerDependenciesMeta'):
            for value in (['git+http://there/x'], 'git+http://there/x', 5):
                if section.startswith('bundle') and value == 5:
                    continue
                self.refused(f'{section!r} in package.json',
                             {section: value})

    def test_names(self):
        for name in ('../x', 'git+http://there/x', '', '.x', 'a b', 'a/b',
                     '@a', '@a/b/c', '@/b', 'x@git+http://there/x',
                     '__proto__', 'x' * 215, 'é'):
            self.refused('in package.json is not installed',
                         {'dependencies': {name: '1'}})

    def test_overrides(self):
        package = {'overrides': {
            'a': '1', 'b@^2': {'.': '3', '@s/c@1': {'d': '$a'}},
            'e': 'npm:f@2'}}
        self.assertEqual(package, read(package)[0])
        for version in ELSEWHERE:
            if version not in ('$x', {}):
                self.refused('in package.json',
                             {'overrides': {'a': {'b': {'c': version}}}})
        for key in ('a@git+http://there/x', '../x', 'npm:x'):
            self.refused('in package.json', {'overrides': {key: '1'}})

    def test_workspaces(self):
        for workspaces in (['a'], {'packages': ['a']}, 'a'):
            self.refused('workspaces in package.json are not installed',
                         {'workspaces': workspaces})

    def test_bundles_and_peers(self):
        package = {'bundleDependencies': ['a'],
                   'bundledDependencies': True,
                   'peerDependenciesMeta': {'a': {'optional': True}}}
        self.assertEqual(package, read(package)[0])
        self.refused('in package.json', {'bundleDependencies': ['../x']})

    def test_other_fields_are_left_out(self):
        self.assertEqual({}, read({
            'name': 'x', 'scripts': {'preinstall': 'x'}, 'dependencies': {},
            'resolutions': {'a': 'git:x'}, 'config': {'git': 'x'}})[0])

    def test_text(self):
        self.assertEqual({}, read(b'\xef\xbb\xbf{}')[0])
        for data, words in (
                (b'{', 'not a JSON object'), (b'[]', 'not a JSON object'),
                (b'[' * 100000, 'not a JSON object'),
                (b'9' * 5000, 'not a JSON object'),
                ('{}'.encode('utf-16'), 'not text in UTF-8')):
            self.refused(f'package.json is {words}', data)
        self.refused('package-lock.json is not a JSON object', {}, b'[]')

    def test_empty_files(self):
        for files in ((b'', b'x'), (b'x', b'')):
            self.assertEqual(['', ''], list(npm_files.read(dict(zip(
                ('package.json', 'package-lock.json'), files))).values()))


class TestLock(NpmTest):
    """package-lock.json."""

    def lock(self, entry, path='node_modules/x', version=3, **fields):
        return {'lockfileVersion': version, 'packages': {path: entry},
                **fields}

    def test_entries_of_the_registry(self):
        for path in ('node_modules/x', 'node_modules/@s/x',
                     'node_modules/@s/x/node_modules/y'):
            for entry in ({'version': '1.0.0',
                           'resolved': 'https://there/x.tgz'},
                          {'version': '1.0.0', 'name': 'other'},
                          {'inBundle': True, 'version': '1.0.0'},
                          {'inBundle': True}, {'resolved': 'http://x/y'}):
                for version in (2, 3):
                    lock = self.lock(entry, path, version)
                    self.assertEqual(lock | {'requires': True},
                                     read({}, lock)[1])

    def test_entries_from_elsewhere(self):
        for entry in (
                5, None, {}, {'link': True}, {'link': True, 'version': '1'},
                {'link': True, 'resolved': 'packages/x'},
                {'resolved': 'file:x'}, {'resolved': 'x.tgz'},
                {'resolved': 'git+ssh://git@there/x#1'}, {'resolved': 5},
                {'resolved': 'git+https://there/x', 'version': '1.0.0'},
                {'resolved': None, 'version': '1'}, {'name': '../x'},
                {'resolved': False, 'version': '1'},
                *({'resolved': 'https://there/x', 'version': version}
                  for version in ELSEWHERE),
                *({'version': '1', section: {'y': version}}
                  for section in SECTIONS for version in ELSEWHERE)):
            self.refused('in package-lock.json', {}, self.lock(entry))

    def test_paths(self):
        for path in ('../x', 'x', 'packages/a', 'node_modules/../x',
                     'node_modules/', 'node_modules/x/y', '/node_modules/x',
                     'node_modules/x/node_modules/..', 'node_modules/@a'):
            self.refused('in package-lock.json is not installed', {},
                         self.lock({'version': '1'}, path))

    def test_root(self):
        root = {'dependencies': {'x': '1'}}
        lock = read({}, self.lock(dict(root, name='y'), ''))[1]
        self.assertEqual({'': root}, lock['packages'])
        self.refused('in package-lock.json', {}, self.lock(
            {'dependencies': {'x': 'git+http://there/x'}}, ''))
        self.refused('workspaces in package-lock.json', {}, self.lock(
            {'workspaces': ['a']}, ''))

    def test_older_forms(self):
        for lock in ({}, {'lockfileVersion': 'x'},
                     {'lockfileVersion': 1, 'packages': {}},
                     {'lockfileVersion': 1, 'dependencies': {}},
                     {'lockfileVersion': 4, 'packages': {}},
                     {'lockfileVersion': [2], 'packages': {}},
                     {'lockfileVersion': 2, 'packages': []}):
            self.refused('not one of npm 7 or newer', {}, lock or b'{}')

    def test_second_form_in_version_2(self):
        entry = {'version': '1', 'resolved': 'https://there/x'}
        good = {'x': {'version': '1', 'resolved': 'https://there/x',
                      'dependencies': {'y': {'version': 'npm:z@1'}}}}
        lock = self.lock(entry, version=2, dependencies=good)
        self.assertNotIn('dependencies', read({}, lock)[1])
        for bad in ({'version': 'git+http://there/x'}, 5,
                    {'version': 'file:x'}, {'version': 'https://there/x'},
                    {'version': '1', 'resolved': 'git:x'},
                    {'dependencies': {'z': {'version': 'github:a/b'}}},
                    {'dependencies': ['x']}):
            self.refused('in package-lock.json', {}, self.lock(
                entry, version=2, dependencies={'x': {
                    'version': '1', 'dependencies': {'y': bad}}}))
