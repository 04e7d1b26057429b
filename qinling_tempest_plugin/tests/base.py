# SPDX-License-Identifier: Apache-2.0
"""What the tests have in common."""

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
#: Well formed, and of nothing.
NOTHING = '11111111-2222-4333-8444-555555555555'


def package(name):
    """The bytes of a package with one of the functions."""
    path = os.path.join(os.path.dirname(functions.__file__), f'{name}.py')
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w') as archive:
        archive.write(path, 'main.py')
    return packed.getvalue()


def output(execution):
    """What the function returned."""
    return json.loads(execution['result'])['output']


class Clients:
    """One client for each noun, of one user."""

    def __init__(self, manager):
        made = manager.qinling
        self.runtimes = made.RuntimeClient()
        self.functions = made.FunctionClient()
        self.versions = made.VersionClient()
        self.aliases = made.AliasClient()
        self.executions = made.ExecutionClient()
        self.jobs = made.JobClient()
        self.webhooks = made.WebhookClient()


class QinlingTest(test.BaseTestCase):
    """A test with a user, one of another project, and an administrator.

    ``user``, ``other`` and ``admin`` are their :class:`Clients`.
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
        cls.other = Clients(cls.os_alt)
        cls.admin = Clients(cls.os_admin)

    @classmethod
    def resource_setup(cls):
        super().resource_setup()
        cls.runtime_id = cls.make_runtime()

    @classmethod
    def make_runtime(cls, **values):
        """Id of a new runtime that can be used, until the class ends."""
        row = cls.admin.runtimes.create(
            image=CONF.qinling.python_runtime_image, name=cls.name(),
            **values)
        cls.addClassResourceCleanup(
            test_utils.call_and_ignore_notfound_exc,
            cls.admin.runtimes.destroy, row['id'])
        cls.wait(lambda: cls.admin.runtimes.show(
            row['id'])['status'] == 'available', 'the runtime')
        return row['id']

    @staticmethod
    def name():
        """A name that nothing else has."""
        return data_utils.rand_name('qinling-test')

    @staticmethod
    def wait(condition, what):
        """Return when the condition holds."""
        if not test_utils.call_until_true(
                condition, CONF.qinling.build_timeout,
                CONF.qinling.build_interval):
            raise exceptions.TimeoutException(f'Waited for {what}.')

    def function(self, name='hello', **fields):
        """A new function, until the test ends."""
        fields.setdefault('runtime_id', self.runtime_id)
        row = self.user.functions.create(
            {'source': 'package'}, package(name), name=self.name(), **fields)
        self.gone_after(self.user.functions.destroy, row['id'])
        return row

    def version(self, function_id, **values):
        """The number of a new version, until the test ends."""
        row = self.user.versions.create(function_id, **values)
        self.gone_after(self.user.versions.destroy, function_id,
                        row['version_number'])
        return row['version_number']

    def alias(self, function_id, version=0, **values):
        """The name of a new alias, until the test ends."""
        row = self.user.aliases.create(
            name=self.name(), function_id=function_id,
            function_version=version, **values)
        self.gone_after(self.user.aliases.destroy, row['name'])
        return row['name']

    def run_function(self, function_id=None, **values):
        """A new execution, ended unless it is asynchronous."""
        if function_id:
            values['function_id'] = function_id
        row = self.user.executions.create(**values)
        self.gone_after(self.user.executions.destroy, row['id'])
        return row

    def ended(self, id):
        """An execution once it has ended."""
        self.wait(lambda: self.user.executions.show(id)['status'] in (
            'success', 'failed', 'error', 'cancelled'), f'execution {id}')
        return self.user.executions.show(id)

    def gone_after(self, destroy, *arguments):
        """Delete something when the test ends, if it is still there."""
        self.addCleanup(test_utils.call_and_ignore_notfound_exc, destroy,
                        *arguments)

    def refused(self, error, words, call, *arguments, **keywords):
        """Fail unless a call raises the error with the words."""
        found = self.assertRaises(error, call, *arguments, **keywords)
        self.assertIn(words, str(found.resp_body))
