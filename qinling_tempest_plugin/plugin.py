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

"""What tempest asks a plugin for."""

import os

from tempest import config
from tempest.test_discover import plugins

from qinling_tempest_plugin import config as ours
from qinling_tempest_plugin import services


class QinlingTempestPlugin(plugins.TempestPlugin):
    """The tests, options and clients of Qinling."""

    def load_tests(self):
        base = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        return os.path.join(base, 'qinling_tempest_plugin', 'tests'), base

    def register_opts(self, conf):
        conf.register_opt(ours.AVAILABLE, group='service_available')
        conf.register_group(ours.GROUP)
        conf.register_opts(ours.OPTS, group=ours.GROUP)

    def get_opt_lists(self):
        return [('service_available', [ours.AVAILABLE]),
                (ours.GROUP.name, ours.OPTS)]

    def get_service_clients(self):
        return [dict(
            config.service_client_config('qinling'), name='qinling',
            service_version='qinling', module_path=services.__name__,
            client_names=services.__all__)]
