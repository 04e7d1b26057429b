# SPDX-License-Identifier: Apache-2.0
"""``conn.function_engine`` of openstacksdk with a real server."""

import json

import fixtures
import openstack
from openstack import exceptions
from oslotest import base

from qinling.client import sdk
from qinling.client.sdk import resources
from qinling.tests.functional import base as servers
from qinling.tests.functional import test_keystone

HELLO = ('def main(name="you"):\n'
         '    print("called")\n'
         '    return "Hi, " + name\n')
FAIL = 'def main():\n    raise ValueError("no luck")\n'
#: Class -> path of its list in the description of the API.
LISTS = {resources.Runtime: '/v1/runtimes',
         resources.Function: '/v1/functions',
         resources.Version: '/v1/functions/{id}/versions',
         resources.Alias: '/v1/aliases',
         resources.Execution: '/v1/executions',
         resources.Job: '/v1/jobs',
         resources.Webhook: '/v1/webhooks',
         resources.EventSource: '/v1/event_sources',
         resources.DeadLetter: '/v1/dead_letters'}


class TestSdk(servers.Shared, base.BaseTestCase):

    make_server = servers.Standalone

    def setUp(self):
        super().setUp()
        conn = openstack.connect(
            auth_type='none', auth={'endpoint': self.client.url})
        self.addCleanup(conn.close)
        sdk.add_to(conn)
        self.engine = conn.function_engine

    def create(self, code=HELLO, **fields):
        runtime = self.engine.find_runtime('python3')
        return self.engine.create_function(
            servers.package(code), entry='main.main', runtime_id=runtime.id,
            **fields)

    def test_filters_are_those_of_the_server(self):
        paths = self.client.get('/v1/openapi.json')['paths']
        for model, path in LISTS.items():
            keys = {parameter['name'] for parameter
                    in paths[path]['get']['parameters']
                    if parameter.get('in') == 'query'}
            self.assertEqual(keys, set(model._query_mapping._mapping), model)

    def test_functions(self):
        function = self.create(name='sdk', timeout=9)
        self.assertEqual(('sdk', 9), (function.name, function.timeout))
        self.assertEqual(function.id, self.engine.find_function('sdk').id)
        self.assertIsNone(self.engine.find_function('absent'))
        self.assertEqual(servers.package(HELLO),
                         self.engine.download_function(function))
        changed = self.engine.update_function(
            function, servers.package(HELLO.replace('Hi', 'Bye')),
            description='polite')
        self.assertEqual('polite', changed.description)
        execution = self.engine.create_execution(function_id=function.id)
        self.assertEqual('Bye, you', json.loads(execution.result)['output'])
        self.assertIn(function.id, [
            row.id for row in self.engine.functions(limit=1)])
        self.engine.delete_function(function)
        self.assertRaises(exceptions.NotFoundException,
                          self.engine.get_function, function.id)
        self.engine.delete_function(function)
        self.assertRaises(exceptions.NotFoundException,
                          self.engine.delete_function, function, False)

    def test_function_without_a_package(self):
        e = self.assertRaises(
            exceptions.BadRequestException, self.engine.create_function,
            code={'source': 'nowhere'})
        self.assertIn('Invalid code source', str(e))

    def test_versions_and_aliases(self):
        function = self.create()
        version = self.engine.create_version(function, description='first')
        self.assertEqual(1, version.version_number)
        self.engine.create_version(function.id)
        self.assertEqual([1, 2], sorted(
            row.version_number for row in self.engine.versions(function)))
        self.assertEqual('better', self.engine.update_version(
            function, 1, description='better').description)
        self.assertEqual('better', self.engine.get_version(
            function, 1).description)
        alias = self.engine.create_alias(
            name='sdk-prod', function_id=function.id, function_version=1)
        alias = self.engine.update_alias(alias, function_version=2)
        self.assertEqual(2, self.engine.get_alias(
            'sdk-prod').function_version)
        self.assertEqual(alias.id, self.engine.find_alias('sdk-prod').id)
        self.assertEqual(1, self.engine.roll_back_alias(
            alias)['function_version'])
        self.assertEqual(['sdk-prod'], [
            row.name for row in self.engine.aliases()])
        self.engine.delete_alias('sdk-prod')
        self.engine.delete_version(function, 1)
        self.assertRaises(exceptions.NotFoundException,
                          self.engine.get_version, function, 1)

    def test_executions(self):
        function = self.create()
        execution = self.engine.create_execution(
            function_id=function.id, input='{"name": "Ada"}', sync=False)
        execution = self.engine.wait_for_execution(execution, 0.05)
        self.assertEqual('Hi, Ada', json.loads(execution.result)['output'])
        self.assertIn('called', self.engine.get_execution_log(execution))
        again = self.engine.rerun_execution(execution, sync=True)
        self.assertEqual(('success', execution.id),
                         (again.status, again.rerun_of))
        rows = self.engine.executions(
            limit=1, function_id=function.id, sort_key='created_at')
        self.assertEqual([execution.id, again.id], [row.id for row in rows])
        self.engine.delete_execution(execution)
        self.assertRaises(exceptions.NotFoundException,
                          self.engine.get_execution, execution.id)
        self.assertRaises(exceptions.ConflictException,
                          self.engine.cancel_execution, again)

    def test_failure(self):
        function = self.create(FAIL)
        execution = self.engine.create_execution(
            function_id=function.id, sync=False)
        self.assertRaises(exceptions.ResourceFailure,
                          self.engine.wait_for_execution, execution, 0.05)

    def test_jobs_and_webhooks(self):
        function = self.create()
        job = self.engine.create_job(
            name='sdk-job', function_id=function.id, pattern='@yearly')
        self.assertEqual('job', self.engine.run_job(job).trigger)
        self.assertEqual('paused', self.engine.update_job(
            job, status='paused').status)
        self.assertEqual(job.id, self.engine.find_job('sdk-job').id)
        self.assertEqual(job.id, self.engine.get_job(job).id)
        self.assertEqual(1, len(list(self.engine.jobs(status='paused'))))
        self.engine.delete_job(job)
        webhook = self.engine.create_webhook(function_id=function.id)
        self.assertEqual('door', self.engine.update_webhook(
            webhook, description='door').description)
        self.assertEqual('door', self.engine.get_webhook(
            webhook.id).description)
        self.assertEqual(1, len(list(self.engine.webhooks())))
        self.engine.delete_webhook(webhook)

    def test_runtimes_and_quotas(self):
        runtime = self.engine.create_runtime(
            image='python3', name='sdk-runtime')
        self.assertEqual('sdk', self.engine.update_runtime(
            runtime, description='sdk').description)
        self.assertEqual(runtime.id, self.engine.get_runtime(runtime).id)
        self.assertIn('sdk-runtime', [
            row.name for row in self.engine.runtimes()])
        self.engine.delete_runtime(runtime)
        self.engine.update_quota('a-project', jobs=3)
        self.assertEqual(3, self.engine.get_quota('a-project').limits['jobs'])
        self.engine.delete_quota('a-project')
        self.assertEqual(-1, self.engine.get_quota(
            'a-project').limits['jobs'])


class TestKeystone(base.BaseTestCase):
    def test_hook_of_a_cloud(self):
        secured = self.useFixture(test_keystone.Secured())
        account, client = secured.create_client('member')
        directory = self.useFixture(fixtures.TempDir()).path
        path = f'{directory}/clouds.yaml'
        with open(path, 'w') as clouds:
            json.dump({'clouds': {'mine': {
                'vendor_hook': 'qinling.client.sdk:add_to',
                'auth': {'auth_url': account.url,
                         'username': account.username,
                         'password': account.password,
                         'user_domain_id': 'default',
                         'project_id': account.project_id}}}}, clouds)
        self.useFixture(fixtures.EnvironmentVariable(
            'OS_CLIENT_CONFIG_FILE', path))
        conn = openstack.connect(cloud='mine')
        self.addCleanup(conn.close)
        id = client.create(HELLO)['id']
        self.assertEqual([id], [
            row.id for row in conn.function_engine.functions()])
        self.assertRaises(exceptions.ForbiddenException,
                          conn.function_engine.update_quota, 'x', jobs=1)
