# SPDX-License-Identifier: Apache-2.0
"""One name from JSON to column, and what of a row nobody sees."""

from oslotest import base
from wsme import types as wtypes

from qinling.api.controllers.v1 import aliases
from qinling.api.controllers.v1 import executions
from qinling.api.controllers.v1 import functions
from qinling.api.controllers.v1 import jobs
from qinling.api.controllers.v1 import runtimes
from qinling.api.controllers.v1 import versions
from qinling.api import types
from qinling.db import models
from qinling import exception

RESOURCES = {models.Runtime: runtimes.Runtime,
             models.Function: functions.Function,
             models.FunctionVersion: versions.Version,
             models.FunctionAlias: aliases.Alias,
             models.Execution: executions.Execution,
             models.Job: jobs.Job}
#: What users may send in a JSON body; functions are sent as forms.
WRITABLE = {
    runtimes.Runtime: {'name', 'description', 'image', 'language',
                       'language_version', 'is_public',
                       'trusted'},
    versions.Version: {'description'},
    aliases.Alias: {'name', 'description', 'function_id', 'function_version',
                    'routing'},
    executions.Execution: {'function_id', 'function_version',
                           'function_alias', 'description', 'sync', 'input'},
    jobs.Job: {'name', 'function_id', 'function_version', 'function_alias',
               'function_input', 'status', 'pattern', 'timezone', 'misfire',
               'count', 'first_execution_time', 'next_execution_time'},
}
#: What is shown of what is hidden.
COMPUTED = {models.Function: {'trust', 'environment', 'secret_names'},
            models.FunctionVersion: {'environment', 'secret_names'}}
TAG = 'shown as the ETag'
SETTINGS = 'only finds the environment and the names, which are shown'
KEY = 'a key of the storage; users see the sums of the package instead'
OWNER = 'how engines share work; the status is what users see'
#: What no user sees: model -> column -> why.
HIDDEN = {
    models.Runtime: {'revision': TAG},
    models.Function: {
        'revision': TAG, 'package': KEY, 'settings_id': SETTINGS,
        'trust_id': 'a credential in the hands of the service',
        'version_counter': 'only allocates numbers; latest_version is the '
                           'one that exists'},
    models.FunctionVersion: {'revision': TAG, 'package': KEY,
                             'settings_id': SETTINGS},
    models.FunctionAlias: {'revision': TAG},
    models.Execution: {
        'logs': 'shown by /log, since it may be long',
        'owner': OWNER, 'lease_until': OWNER,
        'retry': 'a part of the attempts, which are shown'},
    models.Job: {'revision': TAG},
}


class TestColumns(base.BaseTestCase):
    def test_every_column_is_shown_or_hidden_on_purpose(self):
        for model, resource in RESOURCES.items():
            columns = {column.name for column in model.__table__.columns}
            shown = {attribute.name for attribute
                     in wtypes.list_attributes(resource)}
            hidden = set(HIDDEN[model])
            shown -= COMPUTED.get(model, set())
            self.assertEqual(columns, shown | hidden, model)
            self.assertEqual(set(), shown & hidden, model)

    def test_names_are_those_of_the_columns(self):
        for resource in RESOURCES.values():
            for attribute in wtypes.list_attributes(resource):
                self.assertEqual(attribute.key, attribute.name)

    def test_every_table_with_a_resource_is_meant(self):
        owned = {mapper.class_ for mapper in models.Base.registry.mappers
                 if issubclass(mapper.class_, models.Common)}
        # This has no API yet.
        later = {models.Webhook}
        self.assertEqual(owned - later, set(RESOURCES))

    def test_what_may_be_sent(self):
        for resource, names in WRITABLE.items():
            self.assertEqual(names, {
                attribute.name for attribute
                in wtypes.list_attributes(resource)
                if not attribute.readonly}, resource)


class TestValues(base.BaseTestCase):
    """Texts from paths and queries."""

    def refused(self, convert, *values):
        for value in values:
            error = self.assertRaises(exception.Invalid, convert, value)
            self.assertEqual(400, error.http_code)

    def test_uuid(self):
        id = '11111111-2222-4333-8444-55555555abcd'
        for text in (id, id.upper(), id.replace('-', ''), '{%s}' % id):
            self.assertEqual(id, types.parse_uuid(text))
        self.refused(types.parse_uuid, '', 'x', id[:-1], id + '0', 5, None, [])

    def test_integer(self):
        for value, number in (('5', 5), (5, 5), ('-5', -5), (' 7 ', 7),
                              (2 ** 31 - 1, 2 ** 31 - 1)):
            self.assertEqual(number, types.parse_integer(value))
        self.refused(types.parse_integer, '', 'x', '1.5', 1.5, True, None, [],
                     2 ** 31, -2 ** 31, '9' * 5000)

    def test_version(self):
        for value, number in (('0', 0), (3, 3), ('7', 7)):
            self.assertEqual(number, types.parse_version(value))
        self.refused(types.parse_version, -1, '-1', 'x', 1.5, True, 2 ** 31)

    def test_truth(self):
        for text in ('1', 't', 'True', 'YES', 'y', 'on', ' true '):
            self.assertIs(True, types.parse_boolean(text))
        for text in ('', '0', 'false', 'maybe', 'no', 'off', '2'):
            self.assertIs(False, types.parse_boolean(text))

    def test_what_was_given(self):
        body = runtimes.Runtime(image='i', name=None, is_public=False)
        self.assertEqual({'image': 'i', 'is_public': False},
                         types.get_fields(body))
