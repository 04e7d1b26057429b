# SPDX-License-Identifier: Apache-2.0
"""The sum of a test run is right, above all when things go wrong."""

import contextlib
import datetime
import importlib.util
import io
import pathlib

import fixtures
from oslotest import base
import subunit

TOOL = pathlib.Path(__file__).parents[4] / 'tools' / 'test_summary.py'


def _load():
    spec = importlib.util.spec_from_file_location('summary_tool', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


summary_tool = _load()


class SummaryTest(base.BaseTestCase):

    def stage(self, name, code, **tests):
        """The argument for a stage in which tests ended with a status."""
        directory = self.useFixture(fixtures.TempDir()).path
        path = pathlib.Path(directory) / name
        with path.open('wb') as stream:
            to_bytes = subunit.StreamResultToBytes(stream)
            for test, status in tests.items():
                to_bytes.status(test_id=test, test_status='inprogress')
                if status == 'skip':
                    to_bytes.status(
                        test_id=test, file_name='reason', eof=True,
                        file_bytes=f'no {test}\nhere'.encode(),
                        mime_type='text/plain;charset=utf8')
                if status:
                    to_bytes.status(test_id=test, test_status=status)
        return f'{name}:{code}:{path}'

    def sum_up(self, *words):
        """(exit code, lines that were printed)."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = summary_tool.main(words)
        return code, printed.getvalue().splitlines()

    def test_everything_passed(self):
        code, lines = self.sum_up(
            self.stage('unit', 0, a='success', b='success'),
            self.stage('contract', 0, c='success', d='xfail'))
        self.assertEqual(0, code)
        self.assertEqual('4 passed, 0 failed, 0 skipped', lines[-1])

    def test_failures_are_listed(self):
        code, lines = self.sum_up(
            self.stage('unit', 1, a='success', b='fail', c='uxsuccess'))
        self.assertEqual(1, code)
        self.assertEqual(['Failed (2):', '  unit: b', '  unit: c', '',
                          '1 passed, 2 failed, 0 skipped'], lines[-5:])

    def test_skips_are_listed_with_their_reason(self):
        code, lines = self.sum_up(
            self.stage('unit', 0, a='success', b='skip'))
        self.assertEqual(0, code)
        self.assertEqual(['Skipped (1):', '  b: no b here', '',
                          '1 passed, 0 failed, 1 skipped'], lines[-4:])

    def test_a_test_that_never_ended_failed(self):
        code, lines = self.sum_up(self.stage('unit', 1, a='success', b=None))
        self.assertEqual(1, code)
        self.assertEqual('1 passed, 1 failed, 0 skipped', lines[-1])

    def test_a_stage_without_tests_failed(self):
        code, lines = self.sum_up(
            self.stage('unit', 0), self.stage('contract', 0, a='success'))
        self.assertEqual(1, code)
        self.assertIn('  unit: no test ran (stestr ended with 0)', lines)
        self.assertEqual('1 passed, 1 failed, 0 skipped', lines[-1])

    def test_discovery_error(self):
        for words in ((), ('--filtered',)):
            code, lines = self.sum_up(
                *words, self.stage('unit', 100),
                self.stage('contract', 0, a='success'))
            self.assertEqual(1, code)
            self.assertEqual('1 passed, 1 failed, 0 skipped', lines[-1])

    def test_runner_that_failed_though_no_test_did(self):
        code, lines = self.sum_up(self.stage('unit', 3, a='success'))
        self.assertEqual(1, code)
        self.assertIn('  unit: stestr ended with 3, though no test failed',
                      lines)
        self.assertEqual('1 passed, 1 failed, 0 skipped', lines[-1])

    def test_other_streams_have_no_tests(self):
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path) / 'a'
        path.write_text('No test runs in repository\n')
        code, lines = self.sum_up(f'unit:1:{path}')
        self.assertEqual(1, code)
        self.assertEqual('0 passed, 1 failed, 0 skipped', lines[-1])

    def test_filter_matches_in_one_stage(self):
        code, lines = self.sum_up(
            '--filtered', self.stage('unit', 1),
            self.stage('contract', 0, a='success'))
        self.assertEqual(0, code)
        self.assertEqual('1 passed, 0 failed, 0 skipped', lines[-1])

    def test_filter_that_matches_nowhere(self):
        code, lines = self.sum_up('--filtered', self.stage('unit', 1))
        self.assertEqual(1, code)
        self.assertEqual('0 passed, 1 failed, 0 skipped', lines[-1])

    def test_failed_checks(self):
        code, lines = self.sum_up('--check', 'flake8:1', '--check', 'mypy:0',
                                  self.stage('unit', 0, a='success'))
        self.assertEqual(1, code)
        self.assertIn('  pep8: flake8', lines)
        self.assertEqual('2 passed, 1 failed, 0 skipped', lines[-1])

    def test_slowest_tests_come_first(self):
        directory = self.useFixture(fixtures.TempDir()).path
        path = pathlib.Path(directory) / 'unit'
        start = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
        with path.open('wb') as stream:
            to_bytes = subunit.StreamResultToBytes(stream)
            for number in range(12):
                to_bytes.status(test_id=f't{number}', timestamp=start,
                                test_status='inprogress')
                to_bytes.status(
                    test_id=f't{number}', test_status='success',
                    timestamp=start + datetime.timedelta(seconds=number))
        _, lines = self.sum_up(f'unit:0:{path}')
        start = lines.index('Slowest (10):')
        self.assertEqual(['11.0 s  t11', '10.0 s  t10'],
                         [line.strip() for line in lines[start + 1:][:2]])

    def test_failed_tests_are_written(self):
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.sum_up('--failed-directory', str(directory),
                    self.stage('unit', 1, a='success', b='fail', c='fail'),
                    self.stage('contract', 0, d='success'))
        self.assertEqual(('b\nc\n', ''), (
            (directory / 'unit').read_text(),
            (directory / 'contract').read_text()))

    def test_checks_alone(self):
        code, lines = self.sum_up()
        self.assertEqual(0, code)
        self.assertEqual('0 passed, 0 failed, 0 skipped', lines[-1])
