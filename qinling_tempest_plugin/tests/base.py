# SPDX-License-Identifier: Apache-2.0
"""Base class of the tests."""

import io
import json
import os
import zipfile

from tempest import config
from tempest.lib.common.utils import data_utils
from tempest.lib.common.utils import test_utils
from tempest.lib import exceptions
from tempest import test

from qinling_tempest_plugin import functions

CONF = config.CONF
#: Well-formed id without a resource.
UNKNOWN_ID = '11111111-2222-4333-8444-555555555555'


def build_package(name):
    """Return the bytes of a package with a function of the plugin."""
    path = os.path.join(os.path.dirname(functions.__file__), f'{name}.py')
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w') as archive:
        archive.write(path, 'main.py')
    return packed.getvalue()


def read_output(execution):
    """Return the result of the function."""
    return json.loads(execution['result'])['output']


class Clients:
    """Clients of one user, one for each noun."""

    def __init__(self, manager):
        clients = manager.qinling
        self.runtimes = clients.RuntimeClient()
        self.functions = clients.FunctionClient()
        self.versions = clients.VersionClient()
        self.aliases = clients.AliasClient()
        self.executions = clients.ExecutionClient()
        self.jobs = clients.JobClient()
        self.webhooks = clients.WebhookClient()


class QinlingTest(test.BaseTestCase):
    """Test with two users of different projects and an administrator.

    ``user``, ``alt`` and ``admin`` are the :class:`Clients` of the three.
    """

    credentials = ['primary', 'alt', 'admin']

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        if not CONF.service_available.qinling:
            raise cls.skipException('Qinling is not available.')

    @classmethod
    def setup_credentials(cls):
        cls.set_network_resources()
        super().setup_credentials()

    @classmethod
    def setup_clients(cls):
        super().setup_clients()
        cls.user = Clients(cls.os_primary)
        cls.alt = Clients(cls.os_alt)
        cls.admin = Clients(cls.os_admin)

    @classmethod
    def resource_setup(cls):
        super().resource_setup()
        cls.runtime_id = cls.create_runtime()

    @classmethod
    def create_runtime(cls, **values):
        """Create an available runtime for the tests of the class.

        :returns: id of the runtime.
        """
        row = cls.admin.runtimes.create(
            image=CONF.qinling.python_runtime_image, name=cls.create_name(),
            **values)
        cls.addClassResourceCleanup(
            test_utils.call_and_ignore_notfound_exc,
            cls.admin.runtimes.destroy, row['id'])
        cls.wait_for(lambda: cls.admin.runtimes.show(
            row['id'])['status'] == 'available', 'the runtime')
        return row['id']

    @staticmethod
    def create_name():
        """Return a unique name."""
        return data_utils.rand_name('qinling-test')

    @staticmethod
    def wait_for(condition, subject):
        """Wait until the condition holds."""
        if not test_utils.call_until_true(
                condition, CONF.qinling.build_timeout,
                CONF.qinling.build_interval):
            raise exceptions.TimeoutException(f'Waited for {subject}.')

    def create_function(self, name='hello', **fields):
        """Create a function for one test."""
        fields.setdefault('runtime_id', self.runtime_id)
        row = self.user.functions.create(
            {'source': 'package'}, build_package(name),
            name=self.create_name(), **fields)
        self.destroy_later(self.user.functions.destroy, row['id'])
        return row

    def create_version(self, function_id, **values):
        """Create a version for one test, and return the number."""
        row = self.user.versions.create(function_id, **values)
        self.destroy_later(self.user.versions.destroy, function_id,
                           row['version_number'])
        return row['version_number']

    def create_alias(self, function_id, version=0, **values):
        """Create an alias for one test, and return the name."""
        row = self.user.aliases.create(
            name=self.create_name(), function_id=function_id,
            function_version=version, **values)
        self.destroy_later(self.user.aliases.destroy, row['name'])
        return row['name']

    def run_function(self, function_id=None, **values):
        """Run a function, and return the execution."""
        if function_id:
            values['function_id'] = function_id
        row = self.user.executions.create(**values)
        self.destroy_later(self.user.executions.destroy, row['id'])
        return row

    def wait_for_end(self, id):
        """Wait for the end of an execution, and return the execution."""
        self.wait_for(lambda: self.user.executions.show(id)['status'] in (
            'success', 'failed', 'error', 'cancelled'), f'execution {id}')
        return self.user.executions.show(id)

    def destroy_later(self, destroy, *arguments):
        """Delete a resource after the test, if the resource still exists."""
        self.addCleanup(test_utils.call_and_ignore_notfound_exc, destroy,
                        *arguments)

    def assert_fault(self, error, words, call, *arguments, **keywords):
        """Check that a call raises the error with the words."""
        fault = self.assertRaises(error, call, *arguments, **keywords)
        self.assertIn(words, str(fault.resp_body))
