# SPDX-License-Identifier: Apache-2.0
"""Tests of the durations of slow tests."""

import importlib.util
import io
import pathlib
import re
import types
from unittest import mock

import fixtures
from oslotest import base

TOOL = pathlib.Path(__file__).parents[4] / 'tools' / 'test_durations.py'
LINES = '''unit 9 qinling.tests.unit.test_a.TestA.test_x
unit 7 qinling.tests.unit.test_b.TestB.test_y
'''


def load_tool():
    spec = importlib.util.spec_from_file_location('test_durations', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestDurations(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.tool = load_tool()
        self.file = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path, 'durations')
        self.file.write_text(self.tool.HEADER + LINES)
        self.tool.FILE = self.file

    def load(self, stage):
        """Return the stream of a stage."""
        out = io.BytesIO()
        with mock.patch('sys.stdout', types.SimpleNamespace(buffer=out)):
            self.tool.load(stage)
        return out.getvalue()

    def update(self, stage, stream):
        stdin = types.SimpleNamespace(buffer=io.BytesIO(stream))
        with mock.patch('sys.stdin', stdin):
            self.tool.update(stage)
        return self.file.read_text()

    def test_durations_survive_a_run(self):
        self.assertEqual(self.tool.HEADER + LINES,
                         self.update('unit', self.load('unit')))

    def test_other_stages_stay(self):
        stream = self.load('unit')
        self.assertEqual(
            self.tool.HEADER + LINES.replace('unit 9', 'contract 9').replace(
                'unit 7', 'contract 7') + LINES,
            self.update('contract', stream))

    def test_old_durations_of_the_stage_go(self):
        self.assertEqual(self.tool.HEADER,
                         self.update('unit', self.load('contract')))

    def test_tests_of_a_group_add_up(self):
        self.file.write_text(
            self.tool.HEADER + LINES.replace('test_b.TestB', 'test_a.TestA'))
        self.assertEqual(
            self.tool.HEADER + LINES.replace('9', '16').split('\n')[0] + '\n',
            self.update('unit', self.load('unit')))


class TestFile(base.BaseTestCase):
    def test_lines(self):
        for line in load_tool().read_file():
            self.assertRegex(' '.join(line), re.compile(
                r'(unit|contract|functional) \d+ qinling\.tests\.\S+$'))
