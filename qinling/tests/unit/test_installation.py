# SPDX-License-Identifier: Apache-2.0
"""Checks of the installation commands in source, messages and documents.

The package ``qinling`` of the public index is the retired service, so every
command must install from a checkout.
"""

import configparser
import pathlib
import re
import subprocess

from oslotest import base

CHECKOUT = pathlib.Path(__file__).parents[3]
#: Between two words of a command, also in a list or in a string of Python.
_GAP = r'[ \t\'",\\]+'
#: After an installer, also a line break.
_WRAP = r'[\s\'",\\]+'
#: Installers, and the package after any options and packages.
FROM_INDEX = re.compile(
    rf'(?:\b(?:pip[\d.]*|pipx|easy_install){_WRAP}(?:install|download)\b|'
    rf'\buv{_WRAP}(?:tool{_WRAP}install|add)\b|\buvx\b)'
    rf'(?:{_WRAP}|{_GAP}(?:[^\s`;&|#]+{_GAP})*)qinling(?![\w/.-])',
    re.IGNORECASE)
#: Sentences without a command that name an extra of the package.
EXTRA = re.compile(
    r'\bextras?\b[^.]{0,60}\bof (?:this|the) package\b|'
    r'\bqinling\[\w+(?:,\s*\w+)*\]\s*(?:[\'"`]|$)', re.MULTILINE)


def find_commands(text):
    """Return the texts that install from an index."""
    return [match.group() for pattern in (FROM_INDEX, EXTRA)
            for match in pattern.finditer(text)]


class InstallationTest(base.BaseTestCase):

    def test_nothing_is_installed_from_an_index(self):
        listed = subprocess.run(
            ['git', 'ls-files', '-co', '--exclude-standard', '-z'],
            cwd=CHECKOUT, capture_output=True, text=True)
        if listed.returncode:
            self.skipTest('The sources are not in a git checkout.')
        commands = {}
        for name in listed.stdout.split('\0')[:-1]:
            path = CHECKOUT / name
            if path == pathlib.Path(__file__) or not path.is_file():
                continue
            data = path.read_bytes()
            if b'\0' not in data:
                commands[name] = find_commands(
                    data.decode(errors='replace'))
        self.assertGreater(len(commands), 100)
        self.assertEqual({}, {name: texts for name, texts in commands.items()
                              if texts})

    def test_commands_that_fail(self):
        for text in ('pip install qinling', "pip install 'qinling[cli]'",
                     'pip3 install -U "qinling[s3,mysql]"',
                     'run "pip install \'\n    \'qinling[cli]"',
                     'pip install python-openstackclient qinling',
                     "'-m', 'pip', 'install', '--quiet', 'qinling'",
                     'pipx install qinling', 'uv pip install qinling==5.0.0',
                     'uv tool install qinling', 'uvx qinling',
                     'uv add qinling',
                     "the extra 's3' of this package"):
            self.assertNotEqual([], find_commands(text), text)

    def test_commands_that_work(self):
        for text in ("pip install '.[cli]'", "pip install -e '.[s3]'",
                     'pip install --no-deps -e ./qinling',
                     'cd qinling && pip install .',
                     'pip install . && qinling runtime list',
                     'pip install python-qinlingclient',
                     'pip install .\n\nqinling runtime list',
                     "``pip install '.[cli]'`` installs ``qinling``",
                     'Do not install ``qinling`` from the package index'):
            self.assertEqual([], find_commands(text), text)

    def test_every_extra_of_a_command_exists(self):
        setup = configparser.ConfigParser()
        setup.read(CHECKOUT / 'setup.cfg')
        extras = set(setup['options.extras_require'])
        documents = [*CHECKOUT.glob('doc/source/**/*.rst'),
                     CHECKOUT / 'README.rst',
                     *CHECKOUT.glob('qinling/**/*.py')]
        used = {name for path in documents for names in re.findall(
                    r'install (?:-e )?\\?[\'"]?\.\[([\w,]+)\]',
                    path.read_text()) for name in names.split(',')}
        self.assertEqual(set(), used - extras)
        self.assertIn('cli', used)
