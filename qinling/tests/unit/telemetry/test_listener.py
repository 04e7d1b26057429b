# SPDX-License-Identifier: Apache-2.0
"""The metrics port of one and of several processes."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request

import fixtures as fixtures_module
from oslotest import base

from qinling.telemetry import listener
from qinling.telemetry import metrics
from qinling.tests import databases
from qinling.tests import fixtures
from qinling.tests import ports

#: A process that counts fire times, prints its port and waits.
PROCESS = """
import sys
from qinling import conf
from qinling.telemetry import listener, metrics
metrics.fire_times_fired.inc(int(sys.argv[2]))
server = listener.Listener(conf.load([], []), int(sys.argv[1]), {})
print(server.port, flush=True)
sys.stdin.read()
server.close()
"""


def read(port, path):
    """Return (status, text) of an answer."""
    try:
        with urllib.request.urlopen(f'http://127.0.0.1:{port}{path}',
                                    timeout=databases.PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        with e:
            return e.code, e.read().decode()


class Gauges:
    """Source with two values of one metric."""

    def collect_metrics(self):
        """Yield the gauges."""
        for kind, value in (('a', 1), ('b', 2)):
            yield 'qinling_test', 'A test.', {'kind': kind}, value


class TestListener(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.conf = self.useFixture(fixtures.Conf()).conf

    def listen(self, port, *live, **checks):
        server = listener.Listener(self.conf, port, checks, *live)
        self.addCleanup(server.close)
        return server

    def test_port_is_off_by_default(self):
        self.assertIsNone(self.conf.metrics.api_port)
        self.assertIsNone(self.conf.metrics.engine_port)
        self.assertIsNone(self.listen(None).port)

    def test_metrics(self):
        metrics.fire_times_refused.inc()
        port = self.listen(0, metrics.GaugeCollector(Gauges())).port
        status, text = read(port, '/metrics')
        self.assertEqual(200, status)
        for line in ('qinling_test{kind="a"} 1.0', 'qinling_test{kind="b"} '
                     '2.0', 'process_cpu_seconds_total',
                     'qinling_scheduler_ticks_total{outcome="refused"}'):
            self.assertIn(line, text)
        self.assertEqual(1, text.count('# HELP qinling_test '))

    def test_health_and_unknown_paths(self):
        def fail():
            raise OSError('away')
        port = self.listen(0, database=fail).port
        self.assertEqual(200, read(port, '/healthcheck/live')[0])
        self.assertEqual(503, read(port, '/healthcheck')[0])
        for path in ('/', '/metricsandmore', '/v1'):
            status, text = read(port, path)
            self.assertEqual(404, status)
            self.assertIn('faultstring', json.loads(text))

    def test_used_ports_are_skipped(self):
        port = self.listen(0).port
        self.assertIsNone(self.listen(port).port)

    def test_metrics_have_units_and_descriptions(self):
        for family in metrics.REGISTRY.collect():
            self.assertTrue(family.name.startswith('qinling_'), family)
            self.assertGreater(len(family.documentation), 20)
            if family.type == 'histogram':
                self.assertTrue(family.name.endswith('_seconds'), family)

    def test_processes_share_a_port(self):
        directory = self.useFixture(fixtures_module.TempDir()).path
        port = ports.free()
        for number in (3, 4):
            process = self.start(directory, port, number)
            self.assertEqual(port, int(process.stdout.readline()))
        for _ in range(8):
            match = re.search(
                r'qinling_scheduler_ticks_total{outcome="fired"} (\S+)',
                read(port, '/metrics')[1])
            self.assertEqual('7.0', match[1])

    def start(self, directory, port, number):
        process = subprocess.Popen(
            [sys.executable, '-c', PROCESS, str(port), str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, PROMETHEUS_MULTIPROC_DIR=directory))
        self.addCleanup(process.wait, databases.PATIENCE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        return process
