# SPDX-License-Identifier: Apache-2.0
"""Lookup of drivers."""

from importlib import metadata
import sys
import types

import fixtures
from oslotest import base

from qinling import drivers
from qinling.sources import package
from qinling.storage import file_system


class TestLoad(base.BaseTestCase):
    def test_modules(self):
        self.assertIs(file_system.Driver,
                      drivers.load('storage', 'file_system'))
        self.assertIs(package.Driver, drivers.load('sources', 'package'))

    def test_unknown_drivers_raise(self):
        for name in ('nothing', 'base', 'file-system', '', '../base',
                     'file_system.Driver', 'os'):
            error = self.assertRaises(
                ValueError, drivers.load, 'storage', name)
            self.assertIn(repr(name), str(error))
            self.assertIn('file_system, ', str(error))

    def test_entry_points(self):
        point = metadata.EntryPoint(
            'their-own', 'collections:OrderedDict', 'qinling.storage')
        self.useFixture(fixtures.MonkeyPatch(
            'qinling.drivers.metadata.entry_points',
            lambda group: metadata.EntryPoints(
                [point] if group == 'qinling.storage' else [])))
        self.assertEqual('OrderedDict', drivers.load(
            'storage', 'their-own').__name__)
        error = self.assertRaises(
            ValueError, drivers.load, 'storage', 'other')
        self.assertIn('their-own', str(error))

    def test_missing_dependencies_are_named(self):
        broken = types.SimpleNamespace(
            find_spec=lambda name, path=None, target=None:
            self.find_spec(name))
        sys.meta_path.insert(0, broken)
        self.addCleanup(sys.meta_path.remove, broken)
        error = self.assertRaises(
            ModuleNotFoundError, drivers.load, 'storage', 'file_systems')
        self.assertEqual('what_it_needs', error.name)

    def find_spec(self, name):
        if name == 'qinling.storage.file_systems':
            raise ModuleNotFoundError(name='what_it_needs')
