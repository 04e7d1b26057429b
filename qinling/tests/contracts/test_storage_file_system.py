#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.


"""The contract of storage, kept by files."""

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
