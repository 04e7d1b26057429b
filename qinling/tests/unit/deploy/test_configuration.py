# SPDX-License-Identifier: Apache-2.0
"""Tests of the configuration in the manifests, with the real programs."""

import pathlib
import re
import subprocess
import sys
from urllib import request

from cryptography import fernet
import fixtures
from oslotest import base
import yaml

from qinling.cmd import process
from qinling import conf as qinling_conf
from qinling.telemetry import health
from qinling.tests.unit.deploy import manifests
from qinling.tests.unit.runtimes import agents

FILE = manifests.BASE / 'qinling.conf'
SECRET = manifests.DIRECTORY / 'overlays' / 'demo' / 'secret.sh'
GENERATOR = manifests.CHECKOUT / 'etc' / 'qinling' / 'config-generator.conf'
CONFIGURATION = pathlib.PurePath('/etc/qinling')


def secret():
    """Return the output of the script of the demo."""
    return yaml.safe_load(subprocess.run(
        [str(SECRET)], check=True, capture_output=True).stdout)


def list_secret_keys(value):
    """Yield (secret, key) of all references to secrets in a pod."""
    if isinstance(value, list):
        for item in value:
            yield from list_secret_keys(item)
    elif isinstance(value, dict):
        for key, child in value.items():
            if key == 'secretKeyRef':
                yield child['name'], child['key']
            elif key == 'secret':
                name = child.get('name') or child['secretName']
                for item in child['items']:
                    yield name, item['key']
            else:
                yield from list_secret_keys(child)


class ConfigurationTest(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.secret = secret()
        self.connections = self.directory / 'connections.conf'
        self.connections.write_text(
            self.secret['stringData']['connections.conf'])
        self.conf = qinling_conf.load(
            files=[str(FILE), str(self.connections)])
        objects = manifests.written(manifests.DIRECTORY / 'overlays' / 'demo')
        self.pods = {item['metadata']['name']: template['spec']
                     for item, template in manifests.workloads(objects)}

    def validate(self, path):
        """Return the findings of the validator of oslo.config in a file."""
        return subprocess.run(
            [sys.executable, '-m', 'oslo_config.validator',
             '--config-file', str(GENERATOR), '--input-file', str(path)],
            capture_output=True, text=True, cwd=manifests.CHECKOUT)

    def test_every_option_is_known(self):
        for path in (FILE, self.connections):
            done = self.validate(path)
            self.assertEqual(0, done.returncode, done.stderr)

    def test_unknown_options_are_found(self):
        self.connections.write_text('[engine]\nno_such = 1\n')
        done = self.validate(self.connections)
        self.assertEqual(1, done.returncode)
        self.assertIn('engine/no_such', done.stderr)

    def test_values(self):
        self.assertEqual('kubernetes', self.conf.engine.orchestrator)
        self.assertEqual(manifests.WORKERS, self.conf.kubernetes.namespace)

    def test_worker_policies_admit_the_engines(self):
        options = self.conf.kubernetes
        self.assertEqual(manifests.CONTROL, options.engine_namespace)
        engine, = (template for item, template in manifests.workloads(
            manifests.written(manifests.BASE))
            if item['metadata']['name'] == 'qinling-engine')
        self.assertTrue(manifests.selects(
            {'matchLabels': options.engine_labels},
            engine['metadata']['labels']))

    def test_connections_carry_the_passwords(self):
        data = self.secret['stringData']
        self.assertEqual('mysql+pymysql://qinling:%s@mariadb/qinling?charset='
                         'utf8mb4' % data['database-password'],
                         self.conf.database.connection)
        self.assertIn('transport_url = rabbit://qinling:%s@rabbitmq:5672/'
                      % data['bus-password'], data['connections.conf'])

    def test_secrets_can_be_encrypted(self):
        key, = self.conf.secrets.encryption_keys
        fernet.Fernet(key)
        for entry in self.conf.engine.default_runtimes:
            self.assertRegex(entry, r'^[a-z0-9.-]+ localhost/qinling/\S+$')

    def test_passwords_are_new_each_time(self):
        ours, theirs = self.secret['stringData'], secret()['stringData']
        for name in ours:
            self.assertNotEqual(ours[name], theirs[name])
            self.assertRegex(theirs[name], '[0-9a-f]{48}')

    def test_secret_has_the_keys_used_by_pods(self):
        meta = self.secret['metadata']
        self.assertEqual((manifests.SECRET, manifests.CONTROL),
                         (meta['name'], meta['namespace']))
        references = [reference for pod in self.pods.values()
                      for reference in list_secret_keys(pod)]
        self.assertEqual({manifests.SECRET}, {name for name,
                                              _key in references})
        self.assertEqual(set(self.secret['stringData']),
                         {key for _name, key in references})

    def test_no_connection_in_the_public_file(self):
        text = FILE.read_text()
        self.assertNotRegex(text, r'(?m)^\s*(connection|transport_url)')
        self.assertNotIn('://', text)

    def test_ports(self):
        options = self.conf.metrics
        for name, probed, ports in (
                ('qinling-api', 'http', {
                    'http': self.conf.api.port,
                    'metrics': options.api_port}),
                ('qinling-engine', 'metrics', {
                    'metrics': options.engine_port,
                    'direct': self.conf.direct.port})):
            container, = self.pods[name]['containers']
            self.assertEqual(ports, {port['name']: port['containerPort']
                                     for port in container['ports']})
            for probe, path in (('startupProbe', health.LIVE),
                                ('readinessProbe', health.READY),
                                ('livenessProbe', health.LIVE)):
                self.assertEqual({'path': path, 'port': probed},
                                 container[probe]['httpGet'])
        self.assertEqual('0.0.0.0', options.host)

    def test_packages_are_on_the_shared_disk(self):
        for name in ('qinling-api', 'qinling-engine'):
            container, = self.pods[name]['containers']
            self.assertEqual(['packages'], [
                mount['name'] for mount in container['volumeMounts']
                if mount['mountPath'] == self.conf.storage.file_system_dir])

    def test_pods_have_time_to_stop(self):
        self.assertGreaterEqual(
            self.pods['qinling-engine']['terminationGracePeriodSeconds'],
            self.conf.engine.stop_timeout + 30)
        pod = self.pods['qinling-api']
        pause = pod['containers'][0]['lifecycle']['preStop']['exec'][
            'command']
        self.assertEqual('sleep', pause[0])
        self.assertGreater(pod['terminationGracePeriodSeconds'],
                           self.conf.api.stop_timeout
                           + process.DISCONNECT_TIMEOUT_SECONDS
                           + int(pause[1]))

    def test_threads_have_connections(self):
        self.assertIn(f'rpc_conn_pool_size = {self.conf.api.threads}',
                      FILE.read_text())


class CommandsTest(base.BaseTestCase):
    """Commands of the containers, run as written in the manifests."""

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        (self.directory / 'qinling.conf.d').mkdir()
        (self.directory / 'qinling.conf').write_text(FILE.read_text())
        (self.directory / 'qinling.conf.d' / 'connections.conf').write_text(
            f'[database]\nconnection = sqlite:///{self.directory}/db\n')
        self.pods = {item['metadata']['name']: template['spec']
                     for item, template in manifests.workloads(
                         manifests.written(manifests.BASE))}

    def run_manage(self, words):
        """Run qinling-db-manage with the arguments of a container."""
        words = [word.replace(str(CONFIGURATION), str(self.directory))
                 for word in words]
        return subprocess.run(
            [sys.executable, '-c',
             'from qinling.cmd import db_manage; db_manage.main()', *words],
            capture_output=True, text=True)

    def start_api(self):
        """Start qinling-api with the arguments of the container, except the
        port and the bus; return the process."""
        (self.directory / 'qinling.conf.d' / 'test.conf').write_text(
            '[DEFAULT]\ntransport_url = fake:/\n'
            '[api]\nhost = 127.0.0.1\nport = 0\n'
            f'[storage]\nfile_system_dir = {self.directory}/packages\n')
        container, = self.pods['qinling-api']['containers']
        self.assertEqual(['qinling-api'], container['command'])
        process = subprocess.Popen(
            [sys.executable, '-c', 'from qinling.cmd import api; api.main()',
             *(word.replace(str(CONFIGURATION), str(self.directory))
               for word in container['args'])],
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def check_of(self, name):
        """Return the arguments of a pod's readiness check."""
        container, = self.pods[name]['initContainers']
        self.assertEqual(['sh', '-c'], container['command'])
        script, = container['args']
        match = re.fullmatch(
            'until qinling-db-manage (.*); do sleep 3; done', script)
        return match.group(1).split()

    def test_pods_wait_for_the_schema(self):
        for name in ('qinling-api', 'qinling-engine'):
            done = self.run_manage(self.check_of(name))
            self.assertEqual(1, done.returncode, done.stderr)
            self.assertIn('The database is at nothing', done.stderr)
        container, = self.pods['qinling-migration']['containers']
        self.assertEqual(['qinling-db-manage'], container['command'])
        done = self.run_manage(container['args'])
        self.assertEqual(0, done.returncode, done.stderr)
        for name in ('qinling-api', 'qinling-engine'):
            done = self.run_manage(self.check_of(name))
            self.assertEqual(0, done.returncode, done.stderr)

    def test_api_answers_its_probes(self):
        container, = self.pods['qinling-migration']['containers']
        self.run_manage(container['args'])
        program = self.start_api()
        # What a pod says on its standard error is what kubectl shows.
        url = next(match.group(1) for match in (
            re.search(r'Serving at (\S+)\.$', line)
            for line in program.stderr) if match)
        container, = self.pods['qinling-api']['containers']
        # No bus is here, which an API that is ready needs.
        probe = container['livenessProbe']['httpGet']
        with request.urlopen(url + probe['path']) as answer:
            self.assertEqual(200, answer.status)
        program.terminate()
        self.assertEqual(0, program.wait(agents.PATIENCE))

    def test_configuration_files_are_on_the_search_path(self):
        for pod in self.pods.values():
            for container in manifests.containers(pod):
                words = ' '.join(container.get('command', [])
                                 + container['args'])
                self.assertIn(f'--config-file={CONFIGURATION}/qinling.conf',
                              words)
                self.assertIn(f'--config-dir={CONFIGURATION}/qinling.conf.d',
                              words)
                self.assertIn(str(CONFIGURATION), [
                    mount['mountPath'] for mount in container['volumeMounts']])
            volume, = (volume['projected']['sources']
                       for volume in pod['volumes'] if 'projected' in volume)
            self.assertEqual([
                {'configMap': {'name': 'qinling'}},
                {'secret': {'name': manifests.SECRET, 'items': [{
                    'key': 'connections.conf',
                    'path': 'qinling.conf.d/connections.conf'}]}}], volume)
