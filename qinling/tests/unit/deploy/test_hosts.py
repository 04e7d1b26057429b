# SPDX-License-Identifier: Apache-2.0
"""Tests of the files for hosts without Kubernetes."""

import configparser
import importlib
import pathlib
import re

from oslotest import base

from qinling import conf as qinling_conf

TOP = pathlib.Path(__file__).parents[4]
UNITS = sorted(TOP.glob('etc/systemd/*.service'))
#: Seconds beyond the time that running executions get.
MARGIN = 30


def read(path):
    """Return the parsed sections of a file for systemd or uWSGI."""
    parser = configparser.RawConfigParser(
        strict=False, comment_prefixes=('#', ';'))
    parser.optionxform = str
    parser.read(path)
    return parser


class TestUnits(base.BaseTestCase):
    """Units of systemd."""

    def test_each_daemon_has_a_unit(self):
        self.assertEqual(
            ['qinling-api', 'qinling-engine', 'qinling-standalone'],
            [path.stem for path in UNITS])

    def test_programs(self):
        scripts = read(TOP / 'setup.cfg')[
            'options.entry_points']['console_scripts']
        for path in UNITS:
            service = read(path)['Service']
            program, *words = service['ExecStart'].split()
            self.assertEqual(f'/usr/bin/{path.stem}', program)
            self.assertIn(f'{path.stem} = ', scripts)
            self.assertEqual('--config-file', words[0])

    def test_programs_support_the_unit_type(self):
        process = (TOP / 'qinling/cmd/process.py').read_text()
        for path in UNITS:
            service = read(path)['Service']
            self.assertEqual('notify', service['Type'])
            self.assertEqual('/bin/kill -HUP $MAINPID',
                             service['ExecReload'])
            name = path.stem.removeprefix('qinling-')
            source = ''.join(module.read_text() for module in sorted(
                (TOP / 'qinling/cmd').glob(f'{name}*.py')))
            self.assertRegex(
                source, r"process\.notify_(ready\(|systemd\('READY=1')")
            self.assertIn("notify_systemd('STOPPING=1')", source)
        self.assertIn('signal.SIGHUP', process)

    def test_time_to_stop(self):
        conf = qinling_conf.load([], [])
        for path in UNITS:
            self.assertGreater(int(read(path)['Service']['TimeoutStopSec']),
                               conf.engine.stop_timeout + MARGIN)


class TestUwsgi(base.BaseTestCase):
    """The configuration of uWSGI."""

    def test_application(self):
        section = read(TOP / 'etc/uwsgi/qinling-api.ini')['uwsgi']
        module, _, name = section['module'].partition(':')
        self.assertTrue(callable(getattr(
            importlib.import_module(module), name)))

    def test_timeouts_are_longer_than_functions(self):
        section = read(TOP / 'etc/uwsgi/qinling-api.ini')['uwsgi']
        conf = qinling_conf.load([], [])
        self.assertGreater(
            int(section['socket-timeout']),
            conf.resource_limits.max_timeout + conf.engine.import_timeout
            + conf.engine.queue_timeout + MARGIN)

    def test_port(self):
        text = (TOP / 'etc/uwsgi/qinling-api.ini').read_text()
        self.assertEqual(
            str(qinling_conf.load([], []).api.port),
            re.search(r'(?m)^http11-socket = \S+:(\d+)$', text)[1])
