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


"""The service with a real Keystone."""

from oslotest import base

from qinling.tests.functional import keystone


class TestFixture(base.BaseTestCase):
    """The Keystone of the tests is one."""

    def test_it(self):
        identity = self.useFixture(keystone.Keystone())
        project = identity.project()
        user = identity.user(project, 'member')
        identity.register('function-engine', 'http://127.0.0.1:7070')
        session = user.session()
        self.assertEqual('http://127.0.0.1:7070', session.get_endpoint(
            service_type='function-engine'))
        self.assertEqual(project['id'], session.get_project_id())
        identity.stop()
        identity.start()
        self.assertIsNotNone(user.token())
