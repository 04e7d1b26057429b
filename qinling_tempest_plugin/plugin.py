# SPDX-License-Identifier: Apache-2.0
"""Entry point of the plugin."""

import os
import typing

from oslo_config import cfg
from tempest import config
from tempest.test_discover import plugins

from qinling_tempest_plugin import config as plugin_config
from qinling_tempest_plugin import services


class QinlingTempestPlugin(plugins.TempestPlugin):
    """Tests, options and clients of Qinling."""

    def load_tests(self) -> tuple[str, str]:
        """Return the directory of the tests, and the top directory."""
        top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        return os.path.join(top, 'qinling_tempest_plugin', 'tests'), top

    def register_opts(self, conf: cfg.ConfigOpts) -> None:
        """Register the options of the plugin."""
        conf.register_opt(plugin_config.AVAILABLE, group='service_available')
        conf.register_group(plugin_config.GROUP)
        conf.register_opts(plugin_config.OPTS, group=plugin_config.GROUP)

    def get_opt_lists(self) -> list[tuple[str, list[cfg.Opt]]]:
        """Return the options by group, for a sample file."""
        return [('service_available', [plugin_config.AVAILABLE]),
                (plugin_config.GROUP.name, plugin_config.OPTS)]

    def get_service_clients(self) -> list[dict[str, typing.Any]]:
        """Return the parameters of the clients."""
        return [dict(
            config.service_client_config('qinling'), name='qinling',
            service_version='qinling', module_path=services.__name__,
            client_names=services.__all__)]
