# SPDX-License-Identifier: Apache-2.0
"""Tests of a cloud without a shared directory.

Packages are in Swift, tokens in engines, with a real Keystone, MariaDB and
RabbitMQ.
"""

from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import keystone
from qinling.tests.functional import swift
from qinling.tests.functional import test_keystone

TELL = '''
def main(context, **kwargs):
    return [context['token'] is not None, context['user_id']]
'''


class TestCloud(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.identity = self.useFixture(keystone.Keystone())
        service = self.identity.service
        self.identity.grant(service.project_id, service.user_id, 'member')
        self.swift = self.useFixture(swift.Swift(self.identity))
        config = test_keystone.options(self.identity)
        config['keystone_authtoken']['token_cache_time'] = 300
        self.cloud = self.useFixture(servers.Cloud(
            headers=test_keystone.headers(self.identity.admin),
            storage={'provider': 'swift'}, **config))
        self.account = self.identity.user(self.identity.project(), 'member')
        self.mine = servers.Client(
            self.cloud.client.url, test_keystone.headers(self.account))

    def test_dead_engine_and_unavailable_store(self):
        function = self.mine.create(TELL)['id']
        path = f'/v1/functions/{function}'
        row = self.mine.run(function)
        self.assertEqual([True, self.account.user_id], servers.output(row))
        engine = self.cloud.engines[0]
        engine.kill()
        engine.start()
        # Calls to a slowly starting engine are refused.
        servers.wait_for(lambda: self.cloud.listening(engine), 'the engine')
        servers.wait_for(lambda: self.mine.run(
            function)['status'] == 'success', 'the engine')
        self.swift.stop()
        self.assertEqual(503, self.mine.call(
            'GET', f'{path}?download=true')[0])
        self.mine.form('PUT', path, {}, servers.package(TELL + '\n'),
                       status=503)
        # What a worker has loaded needs no store.
        self.assertEqual('success', self.mine.run(function)['status'])
        self.assertEqual(204, self.mine.call('DELETE', path)[0])
        self.swift.start()
        stored = self.identity.service.session().get(
            f'{self.swift.url}/v1/AUTH_{self.identity.service.project_id}'
            '/qinling-packages', headers={'Accept': 'application/json'})
        # The sweep of the next hour finds it.
        self.assertEqual(1, len(stored.json()))
        for program in (engine, self.cloud.api):
            self.assertNotIn('gAAAA', program.log.read_text())
        for table in ('executions', 'functions', 'installation'):
            for row in self.cloud.database.execute(f'SELECT * FROM {table}'):
                self.assertNotIn('gAAAA', str(row))
