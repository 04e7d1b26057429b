# SPDX-License-Identifier: Apache-2.0
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
