# SPDX-License-Identifier: Apache-2.0
"""Changes that start the functions of a project again."""

import os
import pathlib
from unittest import mock

import fixtures
from oslotest import base
import watchfiles

from qinling.client.commands import dev


class TestWatch(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.directory)

    def test_watch_begins_before_the_first_run(self):
        """Notice changes during the first run."""
        command, events = mock.Mock(), []

        def watch():
            for number, has_changed in enumerate((False, False, True)):
                events.append(number)
                yield has_changed
        session = mock.Mock(run=lambda: events.append('run'))
        dev.Dev.run_again(command, session, watch())
        self.assertEqual([0, 'run', 1, 2, 'run'], events)

    def test_outputs_are_no_changes(self):
        """Ask about paths as the library builds them, from its argument."""
        for directory in (pathlib.Path(), pathlib.Path('.'), self.directory,
                          pathlib.Path('..', self.directory.name)):
            with mock.patch.object(watchfiles, 'watch',
                                   return_value=[set(), {1}]) as watch:
                self.assertEqual([False, True],
                                 list(dev.watch(directory)))
            (root,), options = watch.call_args
            for name, counts in (('main.py', True), ('.qinling/x', False)):
                self.assertEqual(counts, options['watch_filter'](
                    watchfiles.Change.modified,
                    os.path.join(os.getcwd(), root, name)), directory)
