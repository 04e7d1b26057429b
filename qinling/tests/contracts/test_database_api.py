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


"""What databases are strict about never becomes a fault of the service.

SQLite takes texts of any length and NULs; the servers do not.
"""

from qinling.tests.unit.api import test_executions
from qinling.tests.unit.api import test_hostile
from qinling.tests.unit.api import test_listing


class TestBodiesOnPostgresql(test_hostile.TestBodies):
    BACKEND = 'postgresql'


class TestBodiesOnMariadb(test_hostile.TestBodies):
    BACKEND = 'mariadb'


class TestPathsOnPostgresql(test_hostile.TestPaths):
    BACKEND = 'postgresql'


class TestFormsOnPostgresql(test_hostile.TestForms):
    BACKEND = 'postgresql'


class TestListOnPostgresql(test_executions.TestList):
    BACKEND = 'postgresql'


class TestListOnMariadb(test_executions.TestList):
    BACKEND = 'mariadb'


class TestProjectsOnPostgresql(test_listing.TestProjects):
    BACKEND = 'postgresql'


class TestProjectsOnMariadb(test_listing.TestProjects):
    BACKEND = 'mariadb'
