# SPDX-License-Identifier: Apache-2.0
"""Tests of the results of the stage ``tempest`` without a cloud."""

import importlib.util
import unittest

import fixtures
from oslotest import base

from qinling.tests.functional import environments


def _load(name):
    spec = importlib.util.spec_from_file_location(
        name, environments.CHECKOUT / 'tools' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


run_tempest = _load('run_tempest')
test_summary = _load('test_summary')


class Unavailable(fixtures.Fixture):
    """Fixture that the machine cannot provide."""

    def __init__(self, *_, **__):
        super().__init__()

    def _setUp(self):
        raise unittest.SkipTest('There is no index.')


class Broken(Unavailable):
    def _setUp(self):
        raise RuntimeError('It is broken.')


class TestRunTempest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.path = self.create_tempfiles([('stream', '')], '')[0]

    def test_missing_requirement_is_skipped(self):
        self.useFixture(fixtures.MonkeyPatch(
            'qinling.tests.functional.environments.Environment', Unavailable))
        self.assertEqual(0, run_tempest.main([self.path]))
        results = test_summary.read(self.path)
        self.assertEqual({run_tempest.PLUGIN: 'skip'}, results.statuses)
        self.assertEqual('There is no index.',
                         results.reason(run_tempest.PLUGIN))

    def test_broken_requirement_is_an_error(self):
        self.useFixture(fixtures.MonkeyPatch(
            'qinling.tests.functional.environments.Environment', Broken))
        self.assertRaises(fixtures.MultipleExceptions, run_tempest.main,
                          [self.path])
        self.assertEqual({}, test_summary.read(self.path).statuses)
