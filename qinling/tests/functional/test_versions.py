# SPDX-License-Identifier: Apache-2.0
"""Tests of versions and aliases with real workers, over both deployments."""

import itertools
import os
import threading
import time

from oslotest import base

from qinling.core import secrets
from qinling.tests.functional import base as servers


def source_returning(word):
    """Return the source of a function that returns a word."""
    return f'def main(**kwargs):\n    return "{word}"\n'


def create_old_file(path, hours):
    """Create a file, some hours old."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'')
    modified_at = time.time() - hours * 3600
    os.utime(path, (modified_at, modified_at))


class Versions(servers.Shared):
    """Tests of publishing, of aliases, and of executions through aliases."""

    names = itertools.count(1)

    def publish(self, function, description=None):
        """Return the number of a new version."""
        status, row = self.client.call(
            'POST', f'/v1/functions/{function}/versions',
            {'description': description})
        self.assertEqual(201, status, row)
        return row['version_number']

    def change(self, function, code):
        """Replace the code of a function."""
        self.client.form('PUT', f'/v1/functions/{function}', {},
                         servers.package(code))

    def create_alias(self, function, version, **fields):
        """Return the name of a new alias."""
        name = f'alias-{next(self.names)}'
        status, row = self.client.call('POST', '/v1/aliases', dict(
            fields, name=name, function_id=function,
            function_version=version))
        self.assertEqual(201, status, row)
        return name

    def run_alias(self, name, **fields):
        """Return an execution through an alias."""
        return self.client.run(None, function_alias=name, **fields)

    def create_versions(self):
        """Return a function with versions 1 and 2, and newer code."""
        function = self.client.create(source_returning('v1'))['id']
        self.publish(function)
        self.change(function, source_returning('v2'))
        self.publish(function)
        self.change(function, source_returning('v0'))
        return function

    def test_each_version_runs_its_code(self):
        function = self.create_versions()
        for version in (0, 1, 2, 1, 0):
            row = self.client.run(function, function_version=version)
            self.assertEqual((f'v{version}', version), (
                servers.output(row), row['function_version']))
        counts = [self.client.get(
            f'/v1/functions/{function}/versions/{version}')['count']
            for version in (1, 2)]
        self.assertEqual([2, 1], counts)
        details = self.client.get(f'/v1/functions/{function}')
        self.assertEqual((2, 2), (details['count'], details['latest_version']))

    def test_alias_is_followed_at_once(self):
        function = self.create_versions()
        name = self.create_alias(function, 1)
        row = self.run_alias(name)
        self.assertEqual(
            ('v1', name, function, 1),
            (servers.output(row), row['function_alias'],
             row['function_id'], row['function_version']))
        self.client.call('PUT', f'/v1/aliases/{name}',
                         {'function_version': '2'})
        self.assertEqual('v2', servers.output(self.run_alias(name)))
        self.client.call('POST', f'/v1/aliases/{name}/rollback')
        self.assertEqual('v1', servers.output(self.run_alias(name)))
        queued = self.run_alias(name, sync=False)
        self.assertEqual('v1', servers.output(
            self.client.wait_for_end(queued['id'])))

    def test_environment_and_secrets_are_frozen(self):
        function = self.client.create(
            'import os\n\n\ndef main(**kwargs):\n'
            '    return [os.environ.get(name, "")[::-1] for name in "AB"]\n',
            environment='{"A": "first"}', secrets='{"B": "hush"}')['id']
        self.publish(function)
        self.assertEqual(['tsrif', 'hsuh'],
                         servers.output(self.client.run(function)))
        self.client.call('PUT', f'/v1/functions/{function}', {
            'environment': {'A': 'second'}, 'secrets': {'B': 'quiet'}})
        for version, expected in ((1, ['tsrif', 'hsuh']),
                                  (0, ['dnoces', 'teiuq'])):
            self.assertEqual(expected, servers.output(
                self.client.run(function, function_version=version)))
        self.client.call('PUT', f'/v1/functions/{function}', {
            'environment': {}, 'secrets': {'B': None}})
        self.assertEqual(['', ''],
                         servers.output(self.client.run(function)))
        for path in self.traces():
            self.assertFalse(b'quiet' in path.read_bytes(), path)

    def test_latest_secrets_change_behind_an_alias(self):
        function = self.client.create(
            'import os\n\n\ndef main(**kwargs):\n'
            '    return [os.environ.get(name, "") for name in "LP"]\n',
            secrets='{"L": "old", "P": "old"}',
            secret_modes='{"L": "latest"}')['id']
        name = self.create_alias(function, self.publish(function))
        self.assertEqual(['old', 'old'], servers.output(self.run_alias(name)))
        self.client.call('PUT', f'/v1/functions/{function}', {
            'secrets': {'L': 'new', 'P': 'new'}})
        # The warm worker with the old value serves no further execution.
        self.assertEqual(['new', 'old'], servers.output(self.run_alias(name)))
        row = self.client.get(f'/v1/functions/{function}/versions/1')
        self.assertEqual(
            [('L', 2, 'latest'), ('P', 1, 'pinned')],
            [(secret['name'], secret['number'], secret['mode'])
             for secret in row['secret_references']])

    def test_a_version_keeps_its_limits_and_entry(self):
        function = self.client.create(
            'import time\n\n\ndef slow(**k):\n    time.sleep(3.5)\n'
            '    return "slow"\n\n\ndef fast(**k):\n    return "fast"\n',
            entry='main.slow', timeout=60)['id']
        self.publish(function)
        self.client.form('PUT', f'/v1/functions/{function}',
                         {'entry': 'main.fast', 'timeout': 3})
        self.assertEqual('fast', servers.output(self.client.run(function)))
        row = self.client.run(function, function_version=1)
        self.assertEqual('slow', servers.output(row))

    def test_repointing_under_load_loses_nothing(self):
        function = self.create_versions()
        name = self.create_alias(function, 1)
        stop, rows = threading.Event(), []

        def load():
            while not stop.is_set():
                rows.append(self.run_alias(name))
        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        for version in itertools.islice(itertools.cycle((2, 1)), 20):
            before = len(rows)
            self.client.call('PUT', f'/v1/aliases/{name}',
                             {'function_version': version})
            servers.wait_for(lambda: len(rows) > before + 8, 'load')
        stop.set()
        for thread in threads:
            thread.join(servers.PATIENCE)
        self.assertEqual({'success'}, {row['status'] for row in rows})
        self.assertEqual(
            [f'v{row["function_version"]}' for row in rows],
            [servers.output(row) for row in rows])
        self.assertEqual({1, 2}, {row['function_version'] for row in rows})

    def test_weights_split_executions(self):
        function = self.create_versions()
        name = self.create_alias(function, 1, routing={'1': 0.5, '2': 0.5})
        rows = [self.run_alias(name) for _ in range(40)]
        self.assertEqual({'v1', 'v2'}, set(map(servers.output, rows)))
        versions = {self.run_alias(name, routing_key='customer-7')[
            'function_version'] for _ in range(10)}
        self.assertEqual(1, len(versions))

    def test_a_running_execution_keeps_its_version(self):
        function = self.client.create(
            'import time\n\n\ndef main(seconds, **k):\n'
            '    time.sleep(seconds)\n')['id']
        self.publish(function)
        path = f'/v1/functions/{function}/versions/1'
        row = self.client.run(function, {'seconds': 4}, function_version=1,
                              sync=False)
        status, fault = self.client.call('DELETE', path)
        self.assertEqual(403, status)
        self.assertIn(row['id'], fault['faultstring'])
        self.client.wait_for_end(row['id'])
        self.assertEqual(204, self.client.call('DELETE', path)[0])
        self.assertEqual(2, self.publish(function))

    def test_versions_have_separate_workers(self):
        function = self.create_versions()
        for version in (0, 1):
            self.client.run(function, function_version=version)
        path = f'/v1/functions/{function}/workers?function_version='
        workers = [{item['worker_name'] for item in self.client.get(
            f'{path}{version}')['workers']} for version in (0, 1)]
        self.assertEqual([1, 1], [len(item) for item in workers])
        self.assertFalse(workers[0] & workers[1])
        self.client.call('POST',
                         f'/v1/functions/{function}/versions/1/detach')
        servers.wait_for(
            lambda: not self.client.get(f'{path}1')['workers'],
            'the detach')
        self.assertEqual(1, len(self.client.get(f'{path}0')['workers']))


class TestStandalone(Versions, base.BaseTestCase):
    """Tests on one machine."""

    make_server = servers.Standalone

    def traces(self):
        """Return the files written by the server."""
        return [self.server.program.log, *(
            path for path in self.server.state.rglob('*') if path.is_file())]

    def test_numbers_survive_a_restart(self):
        server = self.useFixture(servers.Standalone())
        function = server.client.create(source_returning('v1'))['id']
        path = f'/v1/functions/{function}/versions'
        for _ in range(2):
            server.client.call('POST', path)
        server.client.call('DELETE', f'{path}/2')
        self.assertEqual(0, server.program.stop())
        server.restart()
        _, row = server.client.call('POST', path)
        self.assertEqual(3, row['version_number'])
        self.assertEqual('v1', servers.output(
            server.client.run(function, function_version=1)))

    def test_packages_left_behind_are_swept(self):
        server = self.useFixture(servers.Standalone())
        function = server.client.create(source_returning('v1'))['id']
        packages = list(server.packages())
        orphan = server.state / 'packages' / 'ab' / f'{"ab" * 32}-00000000'
        self.assertEqual(0, server.program.stop())
        create_old_file(orphan, hours=2)
        server.restart()
        servers.wait_for(lambda: not orphan.exists(), 'the sweep')
        self.assertEqual(packages, list(server.packages()))
        self.assertEqual('v1', servers.output(server.client.run(function)))


class TestCloud(Versions, base.BaseTestCase):
    """Tests over separate daemons, RabbitMQ and MariaDB."""

    @staticmethod
    def make_server():
        return servers.Cloud(secrets={'encryption_keys': secrets.new_key()})

    def traces(self):
        """Return the files written by the daemons."""
        return [program.log
                for program in (self.server.api, *self.server.engines)]
