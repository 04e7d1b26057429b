# SPDX-License-Identifier: Apache-2.0
"""Alarms of the real notifier of Aodh run functions."""

import json

from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import environments
from qinling.tests.functional import keystone as keystones

PACKAGES = ('aodh>=23.0.0', 'setuptools<81')
#: The part of the service that handles the messages of the evaluator.
PROGRAM = '''
import json, sys
from stevedore import extension
from aodh import notifier, service
conf = service.prepare_service([], config_files=[sys.argv[1]])
notifiers = extension.ExtensionManager(
    notifier.AlarmNotifierService.NOTIFIER_EXTENSIONS_NAMESPACE,
    invoke_on_load=True, invoke_args=(conf,))
payload = json.loads(sys.argv[2])
notifier.AlarmEndpoint(notifiers).sample([{'payload': payload}])
'''
ALARM = {
    'alarm_id': '0ca2845e-c142-4d4b-a346-e495553628ce', 'alarm_name': 'cpu',
    'severity': 'moderate', 'previous': 'ok', 'current': 'alarm',
    'reason': 'Transition to alarm due to 1 samples outside threshold, most '
              'recent: 94.5',
    'reason_data': {'type': 'threshold', 'disposition': 'outside',
                    'count': 1, 'most_recent': 94.5}}
CODE = 'def main(context=None, **kwargs):\n    return kwargs\n'


class TestAodh(servers.Shared, base.BaseTestCase):
    make_server = servers.Standalone

    def setUp(self):
        super().setUp()
        self.environment = self.useFixture(
            environments.Environment('aodh', *PACKAGES))
        function = self.client.create(CODE)['id']
        _, self.webhook = self.client.call(
            'POST', '/v1/webhooks', {'function_id': function})

    def notify(self, action, **options):
        """Let the notifier send the alarm to a URL."""
        lines = [f'{name} = {value}\n' for name, value in options.items()]
        path, = self.create_tempfiles([
            ('aodh', ''.join(['[service_credentials]\n', *lines]))])
        environments.run(self.environment.bin / 'python', '-c', PROGRAM, path,
                         json.dumps(dict(ALARM, actions=[action])))

    def check_delivery(self):
        """Check the delivery and the execution; return the delivery."""
        path = f'/v1/webhooks/{self.webhook["id"]}/deliveries'
        delivery, = servers.wait_for(
            lambda: self.client.get(path)['deliveries'], 'the delivery')
        self.assertEqual('accepted', delivery['status'])
        delivery = self.client.get(f'{path}/{delivery["id"]}')
        _status, _headers, data = self.client.request(
            'GET', f'{path}/{delivery["id"]}/body')
        self.assertEqual(ALARM, json.loads(data))
        execution = self.client.wait_for_end(delivery['execution_id'])
        self.assertEqual(ALARM, json.loads(execution['input']))
        self.assertEqual(ALARM, json.loads(execution['result'])['output'])
        return delivery

    def test_alarm(self):
        self.notify(self.webhook['webhook_url'])
        self.check_delivery()

    def test_alarm_with_a_trust(self):
        """Send a token of Keystone, and hide the token."""
        keystone = self.useFixture(keystones.Keystone())
        owner = keystone.user(keystone.project(), 'member')
        aodh = keystone.user(keystone.project(), 'member')
        session = owner.session()
        trust = session.post(
            f'{keystone.url}/OS-TRUST/trusts', json={'trust': {
                'trustor_user_id': owner.user_id,
                'trustee_user_id': aodh.user_id,
                'project_id': owner.project_id, 'impersonation': True,
                'roles': [{'name': 'member'}]}}).json()['trust']['id']
        self.notify('trust+' + self.webhook['webhook_url'].replace(
            '://', f'://{trust}:delete@'), **aodh.options())
        # The notifier sends nothing without a token.
        headers = dict(self.check_delivery()['headers'])
        self.assertIn('x-openstack-request-id', headers)
        self.assertNotIn('x-auth-token', headers)
