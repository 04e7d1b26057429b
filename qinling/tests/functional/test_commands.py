# SPDX-License-Identifier: Apache-2.0
"""Tests of the programs for operators."""

import fixtures
from oslotest import base

from qinling.tests.functional import base as servers


class TestDbManage(base.BaseTestCase):
    """Tests of ``qinling-db-manage``."""

    def setUp(self):
        super().setUp()
        path = self.useFixture(fixtures.TempDir()).join('db')
        self.config = {'database': {'connection': f'sqlite:///{path}'}}

    def manage(self, *words):
        """Return (exit code, output) of a command."""
        program = self.useFixture(servers.Program(
            'db_manage', *words, config=self.config))
        return program.process.wait(servers.PATIENCE), '\n'.join(
            line for line in program.log.read_text().splitlines()
            if ' INFO ' not in line)

    def test_life_of_a_database(self):
        code, text = self.manage('check')
        self.assertEqual(1, code)
        self.assertIn('run qinling-db-manage upgrade', text)
        self.assertEqual((0, 'The database is empty.'),
                         self.manage('current'))
        code, text = self.manage('history')
        self.assertEqual(0, code)
        last = text.splitlines()[-1].split()[0]
        self.assertEqual((0, f'The database is at {last}.'),
                         self.manage('upgrade'))
        self.assertEqual((0, last), self.manage('current'))
        self.assertEqual(0, self.manage('check')[0])
        self.assertEqual(0, self.manage('upgrade')[0])

    def test_stamp(self):
        self.assertEqual(0, self.manage('stamp', '001')[0])
        self.assertEqual((0, '001'), self.manage('current'))

    def test_rotate_secrets(self):
        self.manage('upgrade')
        self.assertEqual((0, '0 secrets are encrypted with the first of '
                             '[secrets] encryption_keys.'),
                         self.manage('rotate_secrets'))
        self.config['secrets'] = {'encryption_keys': 'nonsense'}
        code, text = self.manage('rotate_secrets')
        self.assertEqual(1, code)
        self.assertIn('must be Fernet keys', text)

    def test_downgrade_is_refused(self):
        self.manage('upgrade')
        code, text = self.manage('downgrade', '001')
        self.assertEqual(1, code)
        self.assertIn('Restore a backup', text)

    def test_mistakes_are_explained(self):
        self.assertEqual(2, self.manage('upgrad')[0])
        code, text = self.manage('upgrade', 'nonsense')
        self.assertEqual(1, code)
        self.assertIn("Can't locate revision identified by 'nonsense'",
                      text)
        self.assertNotIn('Traceback', text)
        self.config = {}
        code, text = self.manage('upgrade')
        self.assertEqual(1, code)
        self.assertIn('[database] connection', text)
        self.config = {'database': {'connection': 'postgresql+psycopg://'
                                    'nobody@127.0.0.1:1/none',
                                    'max_retries': 1,
                                    'retry_interval': 0}}
        code, text = self.manage('current')
        self.assertEqual(1, code)
        self.assertIn('does not answer', text)
        self.assertNotIn('Traceback', text)

    def test_help(self):
        code, text = self.manage('--help')
        self.assertEqual(0, code)
        for word in ('upgrade', 'stamp', 'check', 'history', 'current'):
            self.assertIn(word, text)


class TestStatus(base.BaseTestCase):
    """Tests of ``qinling-status upgrade check``."""

    def check(self, **config):
        path = self.useFixture(fixtures.TempDir()).join('db')
        config.setdefault('database', {
            'connection': f'sqlite:///{path}'})
        program = self.useFixture(servers.Program(
            'status', 'upgrade', 'check', config=config))
        return (program.process.wait(servers.PATIENCE),
                program.log.read_text())

    def test_missing_schema(self):
        code, text = self.check()
        self.assertEqual(2, code, text)
        self.assertIn('this release needs', text)

    def test_missing_isolation(self):
        _, text = self.check(process={'isolation': 'none'})
        self.assertIn('isolation: none', text)
        self.assertIn('Result: Warning', text)

    STRICT = {'isolation': 'strict', 'cgroup': 'off'}

    def test_unavailable_strict_isolation(self):
        code, text = self.check(process=self.STRICT)
        self.assertEqual(2, code, text)
        self.assertIn('isolation is strict, and this machine lacks',
                      ' '.join(text.replace('|', '').split()))

    def test_engine_does_not_start_without_strict_isolation(self):
        self.does_not_start()

    def test_several_engines_do_not_start_without_strict_isolation(self):
        self.does_not_start(engine={'workers': 2})

    def does_not_start(self, **config):
        path = self.useFixture(fixtures.TempDir()).join('db')
        database = {'database': {'connection': f'sqlite:///{path}'}}
        manage = self.useFixture(servers.Program(
            'db_manage', 'upgrade', config=database))
        self.assertEqual(0, manage.process.wait(servers.PATIENCE))
        program = self.useFixture(servers.Program(
            'engine', config={**database, 'process': self.STRICT, **config}))
        self.assertEqual(1, program.process.wait(servers.PATIENCE))
        text = program.log.read_text()
        self.assertEqual(1, text.count(
            'The engine cannot run workers: [process] isolation is strict'))
        self.assertIn('Delegate=yes', text)
        self.assertNotIn('Traceback', text)
