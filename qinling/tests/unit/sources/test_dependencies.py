# SPDX-License-Identifier: Apache-2.0
"""Tests of the dependencies of packages."""

import io
import json
import zipfile

from oslotest import base

from qinling import exception
from qinling.sources import dependencies
from qinling.sources import package
from qinling.tests import fixtures
from qinling.tests.unit.sources import test_package

LOCK = json.dumps({'lockfileVersion': 3, 'packages': {}})


def archive(files):
    return zipfile.ZipFile(io.BytesIO(fixtures.archive(files)))


def of(text):
    """Return the dependencies from the lines of requirements.txt."""
    return dependencies.find_dependencies(archive({'requirements.txt': text}))


class TestFind(base.BaseTestCase):
    def test_no_dependencies(self):
        for files in ({}, {'main.py': ''}, {'sub/requirements.txt': 'x'},
                      {'package.json': '{}'}, {'package-lock.json': LOCK},
                      {'requirements.txt': ' \n# nothing\n\n'}):
            self.assertIsNone(dependencies.find_dependencies(archive(files)))

    def test_requirements(self):
        for text in ('requests', 'requests>=2,<3', 'a.b-c_d [x,y] ~= 1.0',
                     'x; python_version < "3"', '# comment\nx  # and one',
                     'x==1 \\\n    --hash=sha256:00 \\\n --hash=sha256:11',
                     'x\r\ny\r\n', '\ufeffx'[1:]):
            self.assertEqual('pip', of(text)['kind'], text)
        self.assertEqual(of('x'), of('x'))
        self.assertNotEqual(of('x'), of('y'))

    def test_unsupported_requirements(self):
        for line in ('-r other.txt', '--index-url http://there', '-e .', '.',
                     './x.whl', '/etc/passwd', 'http://there/x.whl',
                     'x @ http://there/x.whl', 'git+https://there/x', 'x y',
                     'x==${SECRET}', '--pre', 'x --global-option=y',
                     'x --hash=sha256:00\n-r other.txt', 'x\\\n y',
                     '# comment \\\n-r other.txt', 'x --hash=sha256:${Y}',
                     'x --hash=sha256:00 --pre',
                     'x; python_version < "3 --pre"'):
            error = self.assertRaises(exception.Invalid, of, f'ok\n{line}')
            self.assertIn('requirements.txt', str(error))

    def test_pip_reads_the_checked_requirements(self):
        for text, expected in (
                ('# -*- coding: utf-7 -*-\n+AC0-', None),
                ('# -*- coding: utf-7 -*-\nx\t# y\n\nz', 'x\nz\n'),
                ('x \\\n  --hash=sha256:00 \\\n # no more\ny',
                 'x --hash=sha256:00\ny\n')):
            package = archive({'requirements.txt': text})
            if expected is None:
                self.assertRaises(exception.Invalid,
                                  dependencies.read_files, package, 'pip')
            else:
                self.assertEqual({'requirements.txt': expected},
                                 dependencies.read_files(package, 'pip'))

    def test_npm(self):
        files = {'package.json': '{}', 'package-lock.json': LOCK}
        dependency = dependencies.find_dependencies(archive(files))
        self.assertEqual('npm', dependency['kind'])
        self.assertNotEqual(dependency, dependencies.find_dependencies(archive(
            dict(files, **{'package.json': '{"name": "x"}'}))))
        self.assertEqual('pip', dependencies.find_dependencies(archive(
            dict(files, **{'requirements.txt': 'x'})))['kind'])
        locks = [dict(json.loads(LOCK), packages={'node_modules/x': entry})
                 for entry in (5, {'link': True}, {'resolved': 'file:x'},
                               {'resolved': 'git+ssh://there/x'})]
        for text in ('', '[]', '{', '{}', '{"lockfileVersion": "x"}',
                     '{"lockfileVersion": 1, "packages": {}}',
                     *map(json.dumps, locks)):
            self.assertRaises(
                exception.Invalid, dependencies.find_dependencies,
                archive(dict(files, **{'package-lock.json': text})))

    def test_binary_requirements(self):
        for data, words in ((b'\xff', 'not text'),
                            (b'#' * (dependencies.MAX_FILE_BYTES + 1),
                             'too large')):
            self.assertIn(words, str(self.assertRaises(
                exception.Invalid, of, data)))


class TestPackages(base.BaseTestCase):
    """Detection of dependencies in packages."""

    def create(self, **groups):
        conf = self.useFixture(fixtures.Conf(**groups)).conf
        upload = io.BytesIO(fixtures.archive({'requirements.txt': 'x'}))
        return package.Driver(conf, test_package.Storage()).create(
            {'source': 'package'}, upload)[0]

    def test_dependencies_are_recorded(self):
        self.assertEqual('pip', self.create()['dependencies']['kind'])

    def test_installation_is_switched_off(self):
        for groups in ({}, {'engine': {'orchestrator': 'kubernetes'}}):
            self.assertNotIn('dependencies', self.create(
                build={'enabled': False}, **groups))

    def test_installation_is_not_supported(self):
        error = self.assertRaises(
            exception.Invalid, self.create,
            engine={'orchestrator': 'kubernetes'})
        self.assertIn('leave out requirements.txt', str(error))
