# SPDX-License-Identifier: Apache-2.0
"""Options: help texts, isolation of configurations, and defaults."""

import importlib
import pkgutil

from oslo_config import cfg
from oslotest import base

from qinling import conf as qinling_conf
from qinling.conf import opts
from qinling.tests import fixtures

#: Defaults of the old service.
OLD_DEFAULTS = {
    'api': {'host': '0.0.0.0', 'port': 7070},
    'engine': {'topic': 'qinling_engine', 'function_concurrency': 3,
               'function_service_expiration': 3600},
    'resource_limits': {
        'min_cpu': 100, 'default_cpu': 100, 'max_cpu': 300,
        'min_memory': 33554432, 'default_memory': 33554432,
        'max_memory': 134217728,
        'min_timeout': 1, 'default_timeout': 5, 'max_timeout': 300,
        'max_package_size': 50 * 1024 * 1024, 'max_versions': 100},
}


class TestConf(base.BaseTestCase):
    def test_every_module_has_a_group(self):
        modules = {info.name for info in pkgutil.iter_modules(
            qinling_conf.__path__)} - {'opts'}
        groups = {importlib.import_module(f'qinling.conf.{name}').GROUP
                  for name in modules}
        self.assertEqual(len(modules), len(groups))
        self.assertEqual(groups, {
            group and group.name for group, _ in opts.list_opts()})

    def test_options_have_help(self):
        for group, options in opts.list_opts():
            if group:
                self.assertTrue(group.help, group.name)
            for option in options:
                self.assertGreater(len(option.help or ''), 20, option.name)
                self.assertRegex(option.help, r'\.\Z|\.\'\Z', option.name)

    def test_options_of_the_sample_generator(self):
        conf = cfg.ConfigOpts()
        for group, options in opts.list_opts():
            conf.register_opts(options, group=group)
            for option in options:
                self.assertIn(option.dest, conf[group.name] if group
                              else conf)

    def test_defaults_of_the_old_service(self):
        conf = self.useFixture(fixtures.Conf()).conf
        for group, values in OLD_DEFAULTS.items():
            self.assertEqual(values, {
                name: conf[group][name] for name in values})

    def test_defaults_are_within_their_bounds(self):
        limits = self.useFixture(fixtures.Conf()).conf.resource_limits
        for name in ('cpu', 'memory', 'timeout'):
            self.assertLessEqual(limits[f'min_{name}'],
                                 limits[f'default_{name}'])
            self.assertLessEqual(limits[f'default_{name}'],
                                 limits[f'max_{name}'])

    def test_configurations_are_isolated(self):
        changed, unchanged = (
            self.useFixture(fixtures.Conf()) for _ in range(2))
        changed.set('api', 'port', 1)
        self.assertEqual(7070, unchanged.conf.api.port)
        self.assertNotIn('api', cfg.CONF)

    def test_files_and_arguments(self):
        path = self.create_tempfiles(
            [('qinling', '[api]\nport = 1234\n')])[0]
        extra = [cfg.StrOpt('state-dir', default='x')]
        conf = qinling_conf.load(
            ['--config-file', path, '--state-dir', '/s'], cli_opts=extra)
        self.assertEqual((1234, '/s'), (conf.api.port, conf.state_dir))

    def test_values_out_of_bounds_raise(self):
        path = self.create_tempfiles(
            [('qinling', '[api]\nthreads = 0\n')])[0]
        conf = qinling_conf.load(['--config-file', path])
        self.assertRaises(cfg.ConfigFileValueError, getattr, conf.api,
                          'threads')
