# SPDX-License-Identifier: Apache-2.0
"""Tests of dependencies of functions, installed from a local index."""

import json
import os
import shutil
import unittest

from oslotest import base

from qinling.tests.functional import base as servers
from qinling.tests.functional import indexes

SIZE = 300000


def package_requiring(name, **files):
    """Return a package whose function returns the value of a module."""
    return {'main.py': f'import {name}\n\n\ndef main():\n'
                       f'    return {name}.WORD\n',
            'requirements.txt': f'# what it needs\n{name} == 1.0\n', **files}


class Case(servers.Shared, base.BaseTestCase):
    """Functions with dependencies."""

    def wait_for_build(self, function, path=''):
        """Return the finished build of a function."""
        path = f'/v1/functions/{function}{path}/build'

        def poll():
            row = self.client.get(path)
            return row['status'] in ('ready', 'failed') and row
        return servers.wait_for(poll, 'the build', 240)

    def check_build_fails(self, function, words):
        """Check that the build and executions fail, and return the log.

        The error of an execution must refer to the log.
        """
        row = self.wait_for_build(function)
        self.assertEqual('failed', row['status'], row['log'])
        self.assertIn(words, row['status_reason'])
        execution = self.client.run(function)
        self.assertEqual('error', execution['status'])
        self.assertIn('dependencies could not be installed',
                      execution['result'])
        self.assertIn(f'GET /v1/functions/{function}/build',
                      execution['result'])
        return row['log']


class TestDependencies(Case):
    """Tests of available and missing dependencies."""

    @classmethod
    def make_server(cls):
        cls.index = indexes.Index()
        cls.index.setUp()
        cls.addClassCleanup(cls.index.cleanUp)
        return servers.Standalone(build={
            'index_url': cls.index.url, 'max_size': SIZE,
            'npm_registry': f'http://{cls.index.address}/npm'},
            engine={'queue_timeout': 120})

    def test_dependencies_are_installed_once(self):
        self.index.wheel('first', 'WORD = "installed"\n')
        function = self.client.create(package_requiring('first'))
        self.assertEqual('pip', function['code']['dependencies']['kind'])
        row = self.wait_for_build(function['id'])
        self.assertEqual(('ready', None),
                         (row['status'], row['status_reason']), row['log'])
        self.assertIn('Successfully installed first-1.0', row['log'])
        self.assertTrue(0 < row['size'] < SIZE)
        self.assertEqual('installed', servers.output(
            self.client.run(function['id'])))
        fetched = self.index.fetches('first')
        two = self.client.create(package_requiring('first',
                                                   **{'other.txt': 'x'}))
        self.assertEqual('installed', servers.output(
            self.client.run(two['id'])))
        three = self.client.create(package_requiring(
            'first', **{'first.py': 'WORD = "mine"\n'}))
        self.assertEqual('mine', servers.output(
            self.client.run(three['id'])))
        self.assertEqual(fetched, self.index.fetches('first'))
        for text in (row['log'], self.server.program.log.read_text()):
            self.assertNotIn(indexes.PASSWORD, text)
        self.assertEqual(409, self.client.call(
            'POST', f'/v1/functions/{function["id"]}/build')[0])

    def test_wheels_in_the_package(self):
        self.index.wheel('first', 'WORD = "installed"\n')
        path = 'wheels/shared-1.0-py3-none-any.whl'
        function = self.client.create({
            'main.py': 'import first\nimport shared\n\n\n'
                       'def main():\n'
                       '    return [first.WORD, shared.WORD]\n',
            'requirements.txt': f'first\n./{path}\n',
            path: indexes.wheel('shared', {
                'shared.py': 'WORD = "mine"\n'})})['id']
        row = self.wait_for_build(function)
        self.assertEqual('ready', row['status'], row['log'])
        self.assertEqual(['installed', 'mine'], servers.output(
            self.client.run(function)))

    def test_concurrent_builds(self):
        self.index.wheel('many', 'WORD = "one"\n')
        functions = [self.client.create(package_requiring('many'))['id']
                     for _ in range(3)]
        rows = [self.client.run(function, sync=False)
                for function in functions]
        for row in rows:
            self.assertEqual('one', servers.output(
                self.client.wait_for_end(row['id'])))
        self.assertEqual(1, self.index.fetches('many'))

    def test_failed_builds_can_be_retried(self):
        function = self.client.create(package_requiring('later'))['id']
        log = self.check_build_fails(
            function, 'pip ended with exit code 1. ERROR: No matching '
            'distribution found for later')
        self.assertNotIn('Traceback', log)
        fetched = sum(self.index.fetched.values())
        self.client.run(function)
        self.assertEqual(fetched, sum(self.index.fetched.values()))
        self.index.wheel('later', 'WORD = "late"\n')
        self.assertEqual(202, self.client.call(
            'POST', f'/v1/functions/{function}/build')[0])
        self.assertEqual('late', servers.output(self.client.run(function)))

    def test_versions_keep_their_dependencies(self):
        # Which other tests need, too.
        self.index.wheel('first', 'WORD = "installed"\n')
        self.index.wheel('many', 'WORD = "one"\n')
        function = self.client.create(package_requiring('first'))['id']
        self.client.call('POST', f'/v1/functions/{function}/versions')
        self.client.form('PUT', f'/v1/functions/{function}', {},
                         servers.package(package_requiring('many')))
        for version, word in ((0, 'one'), (1, 'installed')):
            self.assertEqual(word, servers.output(self.client.run(
                function, function_version=version)))
        self.assertIn('first-1.0',
                      self.wait_for_build(function, '/versions/1')['log'])

    def test_no_wheel(self):
        self.index.add('source', 'source-1.0.tar.gz', indexes.tarball({
            'source-1.0/setup.py': 'raise SystemExit("it was run")\n',
            'source-1.0/PKG-INFO': 'Metadata-Version: 1.0\nName: source\n'
                                   'Version: 1.0\n'}))
        log = self.check_build_fails(self.client.create(
            package_requiring('source'))['id'], 'exit code 1')
        self.assertNotIn('it was run', log)
        self.assertEqual(0, self.index.fetches('source'))

    def test_too_large(self):
        self.index.wheel('large', '', data=os.urandom(SIZE))
        self.check_build_fails(self.client.create(package_requiring('large'))[
            'id'], f'larger than {SIZE} bytes')

    def test_large_wheel(self):
        # Larger than /tmp, and with its content than [process] code_size.
        zeros = b'\0' * (140 << 20)
        self.index.wheel('huge', f'WORD = {len(zeros)}\n', data=zeros)
        function = self.client.create(package_requiring('huge'))['id']
        self.assertEqual(len(zeros), servers.output(
            self.client.run(function)))

    def test_hosts_outside_the_index(self):
        elsewhere = self.useFixture(indexes.Index())
        elsewhere.wheel('foreign', 'WORD = 1\n')
        name = 'foreign-1.0-py3-none-any.whl'
        for host in (elsewhere.address,
                     elsewhere.address.replace('127.0.0.1', 'localhost')):
            self.index.files['/simple/foreign/'] = (
                f'<a href="http://{host}/files/{name}">{name}</a>').encode()
            function = self.client.create(package_requiring(
                'foreign', **{'other.txt': host}))['id']
            self.client.call('POST', f'/v1/functions/{function}/build')
            log = self.check_build_fails(function, 'pip ended with exit code')
            self.assertIn('403', log)
        self.assertEqual({}, dict(elsewhere.fetched))

    def test_encoding_of_requirements(self):
        self.index.wheel('first', 'WORD = "installed"\n')
        function = self.client.create(package_requiring('first', **{
            'requirements.txt': 'first  # gr\xfc\xdfe'.encode('utf-16')}))
        self.assertEqual('installed', servers.output(
            self.client.run(function['id'])))

    def test_nothing_to_install(self):
        function = self.client.create('def main():\n    pass\n')['id']
        for method in ('GET', 'POST'):
            status, row = self.client.call(
                method, f'/v1/functions/{function}/build')
            self.assertEqual(404, status)
            self.assertIn('has no dependencies', row['faultstring'])

    def test_npm(self):
        if not shutil.which('npm'):
            raise unittest.SkipTest('There is no npm on this machine.')
        data = indexes.tarball({
            'package/package.json': json.dumps(
                {'name': 'left', 'version': '1.0.0', 'bin': 'index.js',
                 'scripts': {'install': 'touch was-run'}}),
            'package/index.js': 'module.exports = 1;\n'})
        path = '/npm/left/-/left-1.0.0.tgz'
        self.index.files[path] = data
        files = indexes.lock(
            'left', f'http://{self.index.address}{path}', data)
        lock = json.loads(files['package-lock.json'])
        lock['packages']['node_modules/left']['bin'] = {'left': 'index.js'}
        function = self.client.create(dict(
            files, **{
                'package-lock.json': json.dumps(lock),
                '.npmrc': 'registry=http://127.0.0.1:1/\n',
                'main.py': 'import os\n\n\ndef main():\n'
                           '    return [os.readlink("node_modules/.bin/left"),'
                           '\n            *os.listdir("node_modules/left")]'}))
        row = self.wait_for_build(function['id'])
        self.assertEqual('ready', row['status'],
                         (row['status_reason'], row['log']))
        self.assertEqual(
            ['../left/index.js', 'index.js', 'package.json'],
            sorted(servers.output(self.client.run(function['id']))))


class TestTimeout(Case):
    """Tests of an index that does not answer."""

    @classmethod
    def make_server(cls):
        index = indexes.Index()
        index.setUp()
        cls.addClassCleanup(index.cleanUp)
        return servers.Standalone(build={
            'index_url': index.url, 'timeout': 3})

    def test_too_slow(self):
        self.check_build_fails(self.client.create(package_requiring('slow'))[
            'id'], 'It took longer than 3 seconds.')
