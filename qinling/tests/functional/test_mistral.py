# SPDX-License-Identifier: Apache-2.0
"""Workflows of the recipe in a real engine of Mistral."""

from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import neighbours
from qinling.tests.functional import pages
from qinling.tests.functional import test_keystone

PAGE = (neighbours.CHECKOUT / 'doc' / 'source' / 'user' / 'recipes'
        / 'mistral.rst')
#: Caption -> text.
FILES = {block.caption: block.text for block in pages.read_blocks(
    PAGE.read_text()) if block.caption}


class TestWorkflows(servers.Shared, base.BaseTestCase):

    make_server = test_keystone.Secured

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mistral = neighbours.Mistral()
        cls.mistral.setUp()
        cls.addClassCleanup(cls.mistral.cleanUp)

    def run_workflow(self, state, caption, **input):
        answer = self.mistral.call(workflow=FILES[caption], input=input)
        self.assertEqual(state, answer['state'], answer)
        return answer['output']

    def create_credential(self, account):
        """Return an application credential, as inputs of a workflow."""
        answer = account.session().post(
            f'{account.url}/users/{account.user_id}/application_credentials',
            json={'application_credential': {'name': 'workflows'}})
        row = answer.json()['application_credential']
        return {'credential_id': row['id'], 'credential_secret': row['secret'],
                'auth_url': account.url}

    def test_workflows_of_the_page(self):
        account, client = self.server.create_client('member')
        function = client.create(FILES['main.py'])['id']
        _, hook = client.call('POST', '/v1/webhooks', {
            'function_id': function, 'sync': True})
        self.assertEqual({'greeting': 'Hello, Ada'}, self.run_workflow(
            'SUCCESS', 'greet.yaml', webhook_url=hook['webhook_url'],
            name='Ada'))
        client.call('POST', '/v1/aliases', {
            'name': 'live', 'function_id': function})
        inputs = dict(self.create_credential(account), url=client.url,
                      function_alias='live')
        self.assertEqual(
            {'output': {'greeting': 'Hello, Eve'}}, self.run_workflow(
                'SUCCESS', 'run-function.yaml', input={'name': 'Eve'},
                **inputs))
