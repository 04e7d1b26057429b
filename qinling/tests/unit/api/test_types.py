# SPDX-License-Identifier: Apache-2.0
"""Attributes of the resources and columns without one."""

from oslotest import base
from wsme import types as wtypes

from qinling.api.controllers.v1 import aliases
from qinling.api.controllers.v1 import dead_letters
from qinling.api.controllers.v1 import deliveries
from qinling.api.controllers.v1 import event_sources
from qinling.api.controllers.v1 import executions
from qinling.api.controllers.v1 import failures
from qinling.api.controllers.v1 import functions
from qinling.api.controllers.v1 import jobs
from qinling.api.controllers.v1 import operations
from qinling.api.controllers.v1 import replays
from qinling.api.controllers.v1 import rollouts
from qinling.api.controllers.v1 import runtimes
from qinling.api.controllers.v1 import versions
from qinling.api import types
from qinling.db import models
from qinling import exception
from qinling.tests.unit.api import cases

RESOURCES = {models.Runtime: runtimes.Runtime,
             models.Function: functions.Function,
             models.FunctionVersion: versions.Version,
             models.FunctionAlias: aliases.Alias,
             models.Execution: executions.Execution,
             models.Failure: failures.Failure,
             models.Operation: operations.Operation,
             models.ReplayResult: replays.ReplayResult,
             models.Job: jobs.Job, models.Delivery: deliveries.Delivery,
             models.EventSource: event_sources.EventSource,
             models.DeadLetter: dead_letters.DeadLetter,
             models.Rollout: rollouts.Rollout}
#: Writable attributes of JSON bodies; functions use forms.
WRITABLE = {
    runtimes.Runtime: {'name', 'description', 'image', 'language',
                       'language_version', 'is_public',
                       'trusted'},
    versions.Version: {'description', 'tags'},
    versions.VersionCreate: {'description', 'tags', 'message'},
    aliases.Alias: {'name', 'description', 'function_id', 'function_version',
                    'routing', 'tool', 'flow_control'},
    executions.Execution: {'function_id', 'function_version',
                           'function_alias', 'description', 'sync', 'input'},
    failures.Failure: set(), deliveries.Delivery: set(),
    dead_letters.DeadLetter: set(),
    dead_letters.Redrive: {'function_id', 'function_version',
                           'function_alias', 'dry_run'},
    event_sources.EventSource: {
        'name', 'kind', 'function_id', 'function_version', 'function_alias',
        'settings', 'credentials', 'filter', 'batch_size', 'batch_window'},
    deliveries.ReplayRequest: {'function_id', 'function_version',
                               'function_alias'},
    operations.Operation: {'action', 'filter', 'function_version', 'rate'},
    replays.ReplayResult: set(),
    jobs.Job: {'name', 'function_id', 'function_version', 'function_alias',
               'function_input', 'status', 'pattern', 'timezone', 'misfire',
               'overlap', 'start_at', 'end_at', 'jitter', 'max_failures',
               'exclusions', 'count', 'first_execution_time',
               'next_execution_time'},
    rollouts.Rollout: {'function_version', 'steps', 'guards', 'on_breach'},
}
#: Attributes computed from other columns.
COMPUTED = {models.Function: {'trust', 'environment', 'secret_names',
                              'secret_references'},
            models.FunctionVersion: {'environment', 'secret_names',
                                     'secret_references', 'retention'},
            models.Execution: {'cold', 'ended_at', 'queue_ms',
                               'waiting_for'},
            models.Failure: {'function_versions'},
            models.EventSource: {'has_credentials'},
            models.Delivery: {'execution_status', 'attempts'},
            models.Rollout: {'alias', 'function_version', 'step_executions',
                             'errors', 'latency'}}
TAG = 'shown as the ETag'
SCHEMA = 'identifies the schemas, which are shown'
SETTINGS = 'refers to the environment and names, which are shown'
KEY = 'a key of the storage; users see the sums of the package instead'
OWNER = 'how engines share work; the status is what users see'
ALIAS = 'the API identifies an alias by its name'
UPGRADE = 'state of an upgrade; status and image are what users see'
POSITION = 'where engines go on; done and skipped are what users see'
FIGURES = 'state of the comparison; errors and latency show the figures'
#: Hidden columns: model -> column -> reason.
HIDDEN = {
    models.Runtime: {
        'revision': TAG, 'previous_image': UPGRADE,
        'versions_runtime_id': UPGRADE},
    models.Function: {
        'revision': TAG, 'package': KEY, 'settings_id': SETTINGS,
        'schema_digest': SCHEMA,
        'trust_id': 'a credential in the hands of the service',
        'version_counter': 'only allocates numbers; latest_version is the '
                           'one that exists'},
    models.FunctionVersion: {
        'revision': TAG, 'package': KEY, 'settings_id': SETTINGS,
        'schema_digest': SCHEMA,
        'digest_parts': 'state of the comparison of digests'},
    models.FunctionAlias: {'revision': TAG},
    models.Rollout: {
        'revision': TAG, 'alias_id': ALIAS, 'alias_name': 'shown as alias',
        'to_version': 'shown as function_version', 'seen_until': FIGURES,
        'seen_id': FIGURES, 'judgement': FIGURES},
    models.Execution: {
        'logs': 'shown by /log, since it may be long',
        'owner': OWNER, 'lease_until': OWNER,
        'retry': 'a part of the attempts, which are shown',
        'memory_size': 'for the statistics; a limit of the function'},
    models.Delivery: {'body': 'shown by /body, since it is binary'},
    models.EventSource: {'revision': TAG, 'owner': OWNER,
                         'lease_until': OWNER, 'position': POSITION},
    models.DeadLetter: {},
    models.Failure: {'version_list': 'shown as function_versions'},
    models.ReplayResult: {},
    models.Operation: {
        'revision': TAG, 'owner': OWNER, 'lease_until': OWNER,
        'ready_at': OWNER, 'position_at': POSITION, 'position_id': POSITION},
    models.Job: {'revision': TAG, 'next_fire_time':
                 'next_execution_time has the jitter, as users expect'},
}


class TestColumns(base.BaseTestCase):
    def test_columns_are_shown_or_hidden(self):
        for model, resource in RESOURCES.items():
            columns = {column.name for column in model.__table__.columns}
            attributes = {attribute.name for attribute
                          in wtypes.list_attributes(resource)}
            hidden = set(HIDDEN[model])
            attributes -= COMPUTED.get(model, set())
            self.assertEqual(columns, attributes | hidden, model)
            self.assertEqual(set(), attributes & hidden, model)

    def test_attributes_are_named_after_columns(self):
        for resource in RESOURCES.values():
            for attribute in wtypes.list_attributes(resource):
                self.assertEqual(attribute.key, attribute.name)

    def test_every_table_has_a_resource(self):
        owned = {mapper.class_ for mapper in models.Base.registry.mappers
                 if issubclass(mapper.class_, models.Common)}
        # Webhooks have a separate test.
        without_resource = {models.Webhook}
        self.assertEqual(owned - without_resource, set(RESOURCES))

    def test_writable_attributes(self):
        for resource, names in WRITABLE.items():
            self.assertEqual(names, {
                attribute.name for attribute
                in wtypes.list_attributes(resource)
                if not attribute.readonly}, resource)


class TestValues(base.BaseTestCase):
    """Values in paths and queries."""

    def check_refused(self, convert, *values):
        for value in values:
            error = self.assertRaises(exception.Invalid, convert, value)
            self.assertEqual(400, error.http_code)

    def test_uuid(self):
        id = '11111111-2222-4333-8444-55555555abcd'
        for text in (id, id.upper(), id.replace('-', ''), '{%s}' % id):
            self.assertEqual(id, types.parse_uuid(text))
        self.check_refused(types.parse_uuid, '', 'x', id[:-1], id + '0', 5,
                           None, [])

    def test_integer(self):
        for value, number in (('5', 5), (5, 5), ('-5', -5), (' 7 ', 7),
                              (2 ** 31 - 1, 2 ** 31 - 1)):
            self.assertEqual(number, types.parse_integer(value))
        self.check_refused(types.parse_integer, '', 'x', '1.5', 1.5, True,
                           None, [], 2 ** 31, -2 ** 31, '9' * 5000)

    def test_version(self):
        for value, number in (('0', 0), (3, 3), ('7', 7)):
            self.assertEqual(number, types.parse_version(value))
        self.check_refused(types.parse_version, -1, '-1', 'x', 1.5, True,
                           2 ** 31)

    def test_boolean(self):
        for text in ('1', 't', 'True', 'YES', 'y', 'on', ' true '):
            self.assertIs(True, types.parse_boolean(text))
        for text in ('', '0', 'false', 'maybe', 'no', 'off', '2'):
            self.assertIs(False, types.parse_boolean(text))

    def test_fields_are_the_set_attributes(self):
        body = runtimes.Runtime(image='i', name=None, is_public=False)
        self.assertEqual({'image': 'i', 'is_public': False},
                         types.get_fields(body))


class TestResolution(cases.ApiTest):
    def test_types_are_resolved_before_the_first_request(self):
        unresolved = [
            f'{datatype.__name__}.{attribute.name}'
            for datatype in wtypes.registry.complex_types
            for attribute in wtypes.list_attributes(datatype)
            if isinstance(getattr(attribute, '_datatype', None), tuple)]
        self.assertEqual([], unresolved)
