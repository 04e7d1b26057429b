# SPDX-License-Identifier: Apache-2.0
"""Contract tests of the file system storage."""

import fixtures as fixtures_library
from oslotest import base

from qinling.storage import file_system
from qinling.tests.contracts import storage
from qinling.tests import fixtures


class TestFileSystem(storage.StorageContract, base.BaseTestCase):
    def setUp(self):
        self.conf = None
        super().setUp()

    def make_driver(self):
        if self.conf is None:
            directory = self.useFixture(fixtures_library.TempDir()).path
            self.conf = self.useFixture(fixtures.Conf(
                storage={'file_system_dir': directory})).conf
        return file_system.Driver(self.conf)
