# SPDX-License-Identifier: Apache-2.0
"""Tests of the package of installed dependencies."""

import base64
import io
import os
import subprocess
import sys
from unittest import mock
import zipfile

import fixtures
from oslotest import base

from qinling.runtimes import dependencies

INSTALL = '''
import os
os.mkdir('python_modules')
for name, text in (('good.py', 'WORD = 7\\n' * 300), ('odd.py', '{{ }')):
    with open('python_modules/' + name, 'w') as file:
        file.write(text)
'''


class TestBytecode(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.directory)
        self.enterContext(mock.patch.object(
            dependencies, 'prepare_pip', return_value=(
                [sys.executable, '-c', INSTALL], {}, 'python_modules')))

    def install(self, max_unpacked_size):
        answer = dependencies.main('pip', {}, {
            'max_size': 1 << 20, 'max_unpacked_size': max_unpacked_size})
        if isinstance(answer, dict):
            return answer
        return zipfile.ZipFile(io.BytesIO(base64.b64decode(answer)))

    def test_bytecode_is_valid_for_files_with_other_times(self):
        target = os.path.join(self.directory, 'worker')
        package = self.install(1 << 20)
        self.assertIn('python_modules/odd.py', package.namelist())
        package.extractall(target)
        # The source says something else: it is not read.
        source = os.path.join(target, 'python_modules', 'good.py')
        with open(source, 'a') as file:
            file.write('WORD = 8\n')
        self.assertEqual('7', subprocess.run(
            [sys.executable, '-c', 'import good; print(good.WORD)'],
            env={'PYTHONPATH': os.path.dirname(source)},
            capture_output=True, text=True, check=True).stdout.strip())

    def test_bytecode_without_room_is_left_out(self):
        sizes = {info.filename: info.file_size
                 for info in self.install(1 << 20).infolist()}
        sources = {'python_modules/good.py', 'python_modules/odd.py'}
        self.assertEqual(3, len(sizes))
        os.chdir(self.useFixture(fixtures.TempDir()).path)
        package = self.install(sum(sizes[name] for name in sources))
        self.assertEqual(sources, set(package.namelist()))

    def test_sources_without_room(self):
        self.assertIn('error', self.install(100))
