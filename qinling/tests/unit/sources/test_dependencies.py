# SPDX-License-Identifier: Apache-2.0
"""Tests of the dependencies of packages."""

import base64
import codecs
import io
import json

import fixtures as monkey
from oslotest import base

from qinling import exception
from qinling.runtimes import agent_archive
from qinling.sources import dependencies
from qinling.sources import package
from qinling.tests import fixtures
from qinling.tests.unit.sources import test_package

LOCK = json.dumps({'lockfileVersion': 3, 'packages': {}})

MIB = 1 << 20


WHEEL = 'shared-1.0-py3-none-any.whl'


def build_wheel(requirement):
    """Return a wheel with a requirement."""
    return fixtures.archive({
        'shared.py': 'WORD = "shared"\n',
        'shared-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\n'
        'Name: shared\nVersion: 1.0\n'
        f'Requires-Dist: {requirement}\n\nText\n'})


def archive(files):
    """Return the archive of {path: text or bytes}."""
    return agent_archive.Archive(io.BytesIO(fixtures.archive(files)),
                                 agent_archive.Limits(9, 9 * MIB, None))


def parse(text):
    """Return the dependencies from the lines of requirements.txt."""
    return dependencies.find_dependencies(archive({'requirements.txt': text}))


def read_files(files, kind='pip'):
    """Return the texts that an installer gets."""
    return dependencies.read_files(
        io.BytesIO(fixtures.archive(files)), kind, 9 * MIB)


def read(data):
    """Return the text of requirements.txt that pip gets."""
    return read_files({'requirements.txt': data})['requirements.txt']


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
                     'x\r\ny\r\n', '\ufeffx'):
            self.assertEqual('pip', parse(text)['kind'], text)
        self.assertEqual(parse('x'), parse('x'))
        self.assertNotEqual(parse('x'), parse('y'))

    def test_unsupported_requirements(self):
        for line in ('-r other.txt', '--index-url http://there', '-e .', '.',
                     './x.whl', '/etc/passwd', 'http://there/x.whl',
                     'x @ http://there/x.whl', 'git+https://there/x', 'x y',
                     'x==${SECRET}', '--pre', 'x --global-option=y',
                     'x --hash=sha256:00\n-r other.txt', 'x\\\n y',
                     '# comment \\\n-r other.txt', 'x --hash=sha256:${Y}',
                     'x --hash=sha256:00 --pre',
                     'x; python_version < "3 --pre"',
                     'x; python_version < "${SECRET}"', 'x --hash',
                     'x --hash sha256:00', 'x;' + '(' * 400):
            error = self.assertRaises(exception.Invalid, parse, f'ok\n{line}')
            self.assertIn('requirements.txt', str(error))

    def test_wheels(self):
        wheel = build_wheel('requests >= 2; extra == "x"')
        files = {f'wheels/{WHEEL}': wheel,
                 'requirements.txt': f'x\nwheels/{WHEEL}  # ours\n'}
        needs = dependencies.find_dependencies(archive(files))
        self.assertEqual('pip', needs['kind'])
        texts = read_files(files)
        self.assertEqual(f'x\n./wheels/{WHEEL}\n',
                         texts['requirements.txt'])
        self.assertEqual(wheel, base64.b64decode(texts[f'wheels/{WHEEL}']))
        files[f'wheels/{WHEEL}'] = build_wheel('requests')
        self.assertNotEqual(needs, dependencies.find_dependencies(
            archive(files)))

    def test_invalid_wheels(self):
        for path in (f'../{WHEEL}', f'/{WHEEL}', f'a//{WHEEL}',
                     f'a/../{WHEEL}', f'./../{WHEEL}', f'.a/{WHEEL}',
                     f'file:{WHEEL}', f'-a/{WHEEL}', 'a.whl', f'${{A}}{WHEEL}',
                     f'{WHEEL} --pre', f'{WHEEL} x', f'a\\{WHEEL}'):
            error = self.assertRaises(exception.Invalid, parse, path)
            self.assertIn('is not installed', str(error), path)
        for files, sentence in (
                ({}, 'is not in the package'),
                ({f'{WHEEL}/a': ''}, 'is not in the package'),
                ({WHEEL: b'text'}, 'is not a wheel'),
                ({WHEEL: fixtures.archive({'a.py': ''})}, 'no valid METADATA'),
                ({WHEEL: build_wheel('x @ http://there/x.whl')}, 'addresses'),
                ({WHEEL: build_wheel('x @ file:///etc/x')}, 'addresses'),
                ({WHEEL: build_wheel('(' * 9)}, 'addresses')):
            error = self.assertRaises(
                exception.Invalid, dependencies.find_dependencies, archive(
                    {'requirements.txt': f'./{WHEEL}', **files}))
            self.assertIn(sentence, str(error))

    def test_large_wheels(self):
        self.useFixture(monkey.MonkeyPatch(
            'qinling.sources.wheels.MAX_BYTES', 10))
        error = self.assertRaises(
            exception.Invalid, dependencies.find_dependencies, archive(
                {'requirements.txt': WHEEL, WHEEL: build_wheel('x')}))
        self.assertIn('at most 10 bytes', str(error))

    def test_pip_reads_the_checked_requirements(self):
        for text, expected in (
                ('# -*- coding: utf-7 -*-\n+AC0-', None),
                ('# -*- coding: utf-7 -*-\n+AC0-r other', None),
                ('# -*- coding: utf-7 -*-\nx\t# y\n\nz', 'x\nz\n'),
                ('x \\\n  --hash=sha256:00 \\\n # no more\ny',
                 'x --hash=sha256:00\ny\n'),
                ('x==1\\\n.2\\', 'x==1.2\n'), ('x#y', None),
                ('x #y#z\n#\n\t# z\\\ny', 'x\ny\n')):
            if expected is None:
                self.assertRaises(exception.Invalid, read, text)
            else:
                self.assertEqual(expected, read(text))

    def test_encodings_of_pip(self):
        text = 'x  # gr\xfc\xdfe'
        for data in (text.encode(), codecs.BOM_UTF8 + text.encode(),
                     text.encode('utf-16'), text.encode('utf-32'),
                     codecs.BOM_UTF16_BE + text.encode('utf-16-be'),
                     b'# coding: latin-1\n' + text.encode('latin-1'),
                     b'\n# vim: set fileencoding=cp1252 :\n'
                     + text.encode('cp1252')):
            self.assertEqual('x\n', read(data))

    def test_unknown_encodings(self):
        for name in ('rot13', 'hex', 'punycode', 'unicode_escape', 'os',
                     'undefined', 'x' * 40, '..', 'utf-32'):
            error = self.assertRaises(
                exception.Invalid, read, f'# coding: {name}\nx\n#'.encode())
            self.assertIn(f'not text in {name}; save the file in UTF-8',
                          str(error))

    def test_long_requirements(self):
        hashes = ' '.join(f'--hash=sha256:{number:064x}'
                          for number in range(500))
        self.assertEqual(f'x {hashes}\n', read(f'x {hashes}'))
        for text in ('x' * 1001, 'x;' + '(' * 900, 'x >=1' + ',>=1' * 300,
                     'x --hash=sha256:' + '0' * 300):
            self.assertRaises(exception.Invalid, read, text)
        error = self.assertRaises(exception.Invalid, read, 'x\n' * 2001)
        self.assertIn('more than 2000 requirements', str(error))

    def test_binary_requirements(self):
        for data, words in ((b'\xff', 'not text'),
                            (b'#' * (dependencies.MAX_FILE_BYTES + 1),
                             'too large')):
            self.assertIn(words, str(self.assertRaises(
                exception.Invalid, parse, data)))


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
