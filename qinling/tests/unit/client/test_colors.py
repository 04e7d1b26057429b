# SPDX-License-Identifier: Apache-2.0
"""Tests of colours."""

import io

import fixtures
from oslotest import base

from qinling.client.commands import colors


class Terminal(io.StringIO):
    """Stream to a terminal."""

    encoding_name = 'utf-8'

    @property
    def encoding(self):
        return self.encoding_name

    def isatty(self):
        return True


class TestStyle(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.EnvironmentVariable('NO_COLOR'))
        self.useFixture(fixtures.EnvironmentVariable('TERM', 'xterm'))

    def test_terminal(self):
        style = colors.Style(Terminal())
        self.assertEqual('\033[31mfailed\033[0m', style.red('failed'))
        self.assertEqual('', style.green(''))

    def test_no_terminal(self):
        self.assertEqual('failed', colors.Style(io.StringIO()).red('failed'))

    def test_no_color(self):
        for name, value in (('NO_COLOR', '1'), ('TERM', 'dumb')):
            self.useFixture(fixtures.EnvironmentVariable(name, value))
            self.assertEqual('failed', colors.Style(Terminal()).red('failed'))
