# SPDX-License-Identifier: Apache-2.0
"""Options with which programs cannot start."""

import contextlib
import io
from unittest import mock

from oslotest import base

from qinling.cmd import process


class TestOptions(base.BaseTestCase):
    def test_wrong_configurations_end_the_program(self):
        path = self.create_tempfiles(
            [('qinling', '[engine]\nimport_timeout = abc\n')], '.conf')[0]
        for file, word in ((path, 'import_timeout'), ('/none.conf', 'none')):
            errors = io.StringIO()
            with contextlib.redirect_stderr(errors):
                error = self.assertRaises(
                    SystemExit, process.configure, ['--config-file', file],
                    'qinling-api', '')
            self.assertEqual(1, error.code)
            self.assertIn(word, errors.getvalue())
            self.assertEqual(1, errors.getvalue().count('\n'))

    def test_first_runtimes(self):
        python = {'python3': ('python', '3.11')}
        for names, languages, images in (
                (None, python, {'python3'}),
                (['python3'], python, {'python3'}),
                (['any:1'], {}, {'any:1'}), (['ruby'], python, None)):
            conf = mock.Mock(runtimes=names)
            core, errors = mock.Mock(), io.StringIO()
            arguments = conf, core, mock.Mock(
                languages=mock.Mock(return_value=languages))
            if images is None:
                with contextlib.redirect_stderr(errors):
                    self.assertRaises(
                        SystemExit, process.register_runtimes, *arguments)
                self.assertIn('no ruby; choose from python3',
                              errors.getvalue())
            else:
                process.register_runtimes(*arguments)
                core.runtimes.register.assert_called_once_with(
                    {name: name for name in images})
