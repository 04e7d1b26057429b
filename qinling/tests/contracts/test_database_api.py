# SPDX-License-Identifier: Apache-2.0
"""Tests of strict databases below the API.

SQLite accepts texts of any length and NULs; the servers do not. Neither may
cause a fault of the service.
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
