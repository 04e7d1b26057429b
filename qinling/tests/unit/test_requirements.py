# SPDX-License-Identifier: Apache-2.0
"""Lower bounds of libraries: no version with a known vulnerability."""

import configparser
import pathlib
import re
import tomllib

from oslotest import base
from packaging import requirements
from packaging import utils
from packaging import version

TOP = pathlib.Path(__file__).parents[3]


def read_lines(text):
    """Return the requirements in the lines of a text."""
    lines = (re.sub(r'(^|\s)#.*', '', line) for line in text.splitlines())
    return [requirements.Requirement(line) for line in lines if line.strip()]


def list_requirements():
    """Return the requirements of the programs, their extras and the build.
    """
    setup = configparser.ConfigParser()
    setup.read(TOP / 'setup.cfg')
    build = tomllib.loads((TOP / 'pyproject.toml').read_text())
    return [*read_lines((TOP / 'requirements.txt').read_text()),
            *(row for text in setup['options.extras_require'].values()
              for row in read_lines(text)),
            *map(requirements.Requirement,
                 build['build-system']['requires'])]


def read_safe_versions():
    """Return name -> (first safe version or ``None``, vulnerability)."""
    result = {}
    for line in (TOP / 'tools/safe_versions.txt').read_text().splitlines():
        if not line.startswith('#'):
            name, safe, vulnerability = line.split()
            result[utils.canonicalize_name(name)] = (
                None if safe == '-' else version.Version(safe),
                vulnerability)
    return result


def lower_bound(requirement):
    """Return the lower bound of a requirement."""
    bounds = [version.Version(specifier.version)
              for specifier in requirement.specifier
              if specifier.operator in ('>=', '==', '~=')]
    return max(bounds) if bounds else None


class TestLowerBounds(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        if not (TOP / 'setup.cfg').exists():
            self.skipTest('This is not a checkout.')
        self.safe = read_safe_versions()

    def check(self, requirement):
        safe, vulnerability = self.safe[
            utils.canonicalize_name(requirement.name)]
        bound = lower_bound(requirement)
        self.assertIsNotNone(bound, f'{requirement} has no lower bound.')
        self.assertTrue(
            safe is None or bound >= safe,
            f'{requirement}: raise the bound to {safe}, which fixes '
            f'{vulnerability}.')

    def test_bounds_are_safe(self):
        for requirement in list_requirements():
            self.check(requirement)

    def test_bounds_of_the_tests(self):
        for requirement in read_lines(
                (TOP / 'test-requirements.txt').read_text()):
            if utils.canonicalize_name(requirement.name) in self.safe:
                self.check(requirement)

    def test_list_is_complete(self):
        names = {utils.canonicalize_name(requirement.name)
                 for requirement in list_requirements()}
        self.assertEqual(names, set(self.safe))

    def test_entries(self):
        for name, (safe, vulnerability) in self.safe.items():
            self.assertEqual(safe is None, vulnerability == '-', name)
            self.assertRegex(
                vulnerability,
                r'\A(-|CVE-\d{4}-\d{4,}|GHSA(-[a-z0-9]{4}){3})\Z', name)


class TestLockFile(base.BaseTestCase):
    """``requirements.lock`` has a version of every requirement."""

    def read_locked(self):
        """Return name -> the locked versions."""
        text = (TOP / 'requirements.lock').read_text().replace('\\\n', '')
        locked = {}
        for line in text.splitlines():
            if not line.startswith('#'):
                requirement, hashes = line.split(' --hash=', 1)
                self.assertIn('sha256:', hashes)
                requirement, = read_lines(requirement)
                locked.setdefault(
                    utils.canonicalize_name(requirement.name), []).append(
                        lower_bound(requirement))
        return locked

    def test_versions(self):
        if not (TOP / 'requirements.lock').exists():
            self.skipTest('This is not a checkout.')
        setup = configparser.ConfigParser()
        setup.read(TOP / 'setup.cfg')
        texts = [(TOP / name).read_text() for name in (
            'requirements.txt', 'test-requirements.txt')]
        texts.append(setup['options.extras_require']['cli'])
        locked = self.read_locked()
        for requirement in read_lines('\n'.join(texts)):
            versions = locked[utils.canonicalize_name(requirement.name)]
            self.assertTrue(
                all(requirement.specifier.contains(version)
                    for version in versions),
                f'Run tools/lock.sh: {requirement}, {versions}')
