# SPDX-License-Identifier: Apache-2.0
"""Tests of the Dockerfiles and of the copied files."""

import configparser
import contextlib
import importlib.util
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import fixtures
from oslotest import base
import yaml

from qinling.orchestrators.process import languages
from qinling.tests import ports
from qinling.tests.unit.deploy import dockerfiles
from qinling.tests.unit.deploy import manifests
from qinling.tests.unit.runtimes import agents

HADOLINT = pathlib.Path(sys.executable).parent / 'hadolint'
SMOKE = dockerfiles.DIRECTORY / 'smoke.py'
#: The images of runtimes by the image that a single machine calls them.
ON_ONE_MACHINE = {'python': 'python3', 'nodejs': 'nodejs',
                  'command': 'command'}
PYTHON = os.path.realpath(sys.executable)
#: The programs of images, as they are here.
HERE = {'/usr/local/bin/python3': PYTHON, '/usr/bin/python3': PYTHON,
        '/usr/local/bin/node': shutil.which('node')}
KEY = {'QINLING_POOL_KEY': 'a key', 'QINLING_WORKER': 'a worker'}


def _load():
    spec = importlib.util.spec_from_file_location('smoke', SMOKE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


smoke = _load()


class DockerfileTest(base.BaseTestCase):

    def lint(self, path):
        """Return the findings of hadolint in a Dockerfile."""
        return subprocess.run([str(HADOLINT), '--no-color', str(path)],
                              capture_output=True, text=True)

    def test_lint(self):
        for path in (dockerfiles.WORKER, dockerfiles.SERVICE):
            done = self.lint(path)
            self.assertEqual(0, done.returncode, done.stdout)

    def test_lint_finds_faults(self):
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'file')
        path.write_text('FROM python\nRUN cd /\n')
        done = self.lint(path)
        self.assertEqual(1, done.returncode)
        self.assertIn('DL3006', done.stdout)

    def test_copied_files_are_sent_to_the_builder(self):
        copied = [source for sources, _target in
                  dockerfiles.copies(dockerfiles.SERVICE)
                  for source in sources]
        for language in dockerfiles.languages():
            for sources, _target in dockerfiles.copies(
                    dockerfiles.WORKER, LANGUAGE=language):
                copied += sources
        for path in copied:
            self.assertTrue(dockerfiles.sent(path), path)

    def test_other_files_are_not_sent_to_the_builder(self):
        for name in ('.git/HEAD', '.venv-tests/bin/python', 'doc/source/a',
                     'qinling/tests/fixtures.py', 'qinling/a/__pycache__/b',
                     'etc/kubernetes/overlays/external/secret.yaml'):
            self.assertFalse(dockerfiles.sent(manifests.CHECKOUT / name),
                             name)

    def test_users_are_numbers_and_not_root(self):
        users = [dockerfiles.only(path, 'USER') for path in
                 (dockerfiles.WORKER, dockerfiles.SERVICE)]
        for user in users:
            self.assertRegex(user, r'^[1-9]\d*:[1-9]\d*$')
        self.assertNotEqual(*users)

    def test_users_of_image_and_pods_are_equal(self):
        user = int(dockerfiles.only(dockerfiles.SERVICE, 'USER')
                   .partition(':')[0])
        for item, template in manifests.workloads(
                manifests.written(manifests.BASE)):
            self.assertEqual(
                user, template['spec']['securityContext']['runAsUser'],
                manifests.name(item))

    def test_bases_are_pinned(self):
        for name, _language, image in dockerfiles.table():
            self.assertRegex(image, r'^docker\.io/library/\w+:\d[\w.-]+$')
            self.assertIn(':' + name.partition('-')[2], image)

    def test_python_versions_are_supported(self):
        setup = configparser.ConfigParser()
        setup.read(manifests.CHECKOUT / 'setup.cfg')
        supported = re.findall(r'Python :: (3\.\d+)',
                               setup['metadata']['classifiers'])
        self.assertEqual(supported, [
            name.partition('-')[2] for name, language, _base in
            dockerfiles.table() if language == 'python'])

    def test_parts_of_the_service_are_declared(self):
        setup = configparser.ConfigParser()
        setup.read(manifests.CHECKOUT / 'setup.cfg')
        parts, = re.findall(r'"\.\[([\w,]+)\]"',
                            dockerfiles.SERVICE.read_text())
        self.assertLessEqual(set(parts.split(',')),
                             set(setup['options.extras_require']))

    def test_tag_is_the_version(self):
        setup = configparser.ConfigParser()
        setup.read(manifests.CHECKOUT / 'setup.cfg')
        self.assertEqual(
            [{'name': 'qinling/service',
              'newTag': setup['metadata']['version']}],
            manifests.kustomization(manifests.BASE)['images'])

    def test_ports(self):
        port = dockerfiles.only(dockerfiles.WORKER, 'EXPOSE')
        for language in ON_ONE_MACHINE:
            self.assertTrue(dockerfiles.settings(language)['listen']
                            .endswith(f':{port}'))
        policies = {item['metadata']['name']: item for item in yaml.
                    safe_load_all((manifests.BASE / 'network.yaml')
                                  .read_text())}
        self.assertEqual(int(port), policies['engines']['spec']['egress'][0][
            'ports'][0]['port'])


class AgentTest(base.BaseTestCase):
    """Agents started from the files of an image."""

    def setUp(self):
        super().setUp()
        self.root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def lay_out(self, language, place):
        """Copy the files of an image below ``place``; return the command of
        the image."""
        dockerfiles.lay_out(self.root, language)
        program, *words = json.loads(dockerfiles.only(
            dockerfiles.WORKER, 'ENTRYPOINT'))
        self.assertEqual('python3', program)
        settings = dockerfiles.settings(language)
        settings['code'] = place + settings['code']
        settings['bootstrap'] = [
            HERE.get(word, word.replace('/opt', f'{place}/opt'))
            for word in settings['bootstrap']]
        (self.root / words[-1].lstrip('/')).write_text(json.dumps(settings))
        return [PYTHON, *(word.replace('/opt', f'{place}/opt')
                          for word in words)]

    def start(self, command):
        """Start an agent like a container; return the address."""
        address = '127.0.0.1:%d' % ports.free()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            env=dict(KEY, QINLING_LISTEN=f'tcp:{address}'))
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, agents.PATIENCE)
        self.addCleanup(process.terminate)
        self.assertEqual(b'ready\n', process.stdout.readline())
        return address

    def start_here(self, language):
        """Start an agent in a directory, without protection."""
        command = self.lay_out(language, str(self.root))
        code = dockerfiles.settings(language)['code'].lstrip('/')
        (self.root / code).mkdir(parents=True)
        return self.start(command)

    def smoke(self, *words, **environment):
        """Run the smoke test."""
        return subprocess.run(
            [sys.executable, str(SMOKE), *words], capture_output=True,
            text=True, env=dict(os.environ, **environment))

    def try_here(self, language):
        address = self.start_here(language)
        done = self.smoke('worker', address, language, **KEY)
        self.assertEqual('', done.stderr)
        self.assertEqual(0, done.returncode)
        self.assertIn("status of the execution: 'success'", done.stdout)

    def test_python(self):
        self.try_here('python')

    def test_nodejs(self):
        if not shutil.which('node'):
            self.skipTest('This machine has no Node.js.')
        self.try_here('nodejs')

    def test_command(self):
        self.try_here('command')

    def test_confined_python(self):
        # As a pod is: bubblewrap makes of this machine what the container
        # runtime makes of the image.
        bwrap = [shutil.which('bwrap') or 'bwrap', '--unshare-user',
                 '--unshare-pid', '--die-with-parent', '--uid', '65532',
                 '--gid', '65532', '--cap-drop', 'ALL',
                 '--ro-bind', '/', '/']
        try:
            subprocess.run([*bwrap, 'true'], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as e:
            self.skipTest(f'Bubblewrap does not work here: {e}')
        command = self.lay_out('python', '')
        address = self.start([
            *bwrap, '--as-pid-1', '--proc', '/proc', '--dev', '/dev',
            '--tmpfs', '/opt', '--ro-bind', f'{self.root}/opt/qinling',
            '/opt/qinling', '--remount-ro', '/opt', '--tmpfs', '/var/lib',
            '--dir', dockerfiles.settings('python')['code'],
            '--tmpfs', '/tmp', '--chdir', '/tmp', *command])
        done = self.smoke('worker', '--confined', address, 'python', **KEY)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertIn('root: False', done.stdout)

    def test_wrong_key(self):
        address = self.start_here('python')
        done = self.smoke('worker', address, 'python',
                          **dict(KEY, QINLING_WORKER='another'))
        self.assertEqual(1, done.returncode)
        self.assertIn("The smoke test failed: GET /ping should be",
                      done.stderr)

    def test_no_key(self):
        done = self.smoke('worker', '127.0.0.1:1', 'python')
        self.assertEqual(2, done.returncode)
        self.assertIn('QINLING_POOL_KEY', done.stderr)

    def test_no_answer(self):
        address = '127.0.0.1:%d' % ports.free()
        done = self.smoke('worker', address, 'python', '--patience', '0.3',
                          **KEY)
        self.assertEqual(1, done.returncode)
        self.assertIn(f'No answer from {address}', done.stderr)

    def test_confinement(self):
        good = {'uid': 65532, 'capabilities': 0, 'privileges': 0,
                'no_new_privileges': 1, 'writable': []}
        with contextlib.redirect_stdout(io.StringIO()):
            smoke.test_confinement(good)
            for name, value in (('uid', 0), ('capabilities', 1),
                                ('privileges', 1), ('writable', ['/']),
                                ('no_new_privileges', 0)):
                self.assertRaises(smoke.Failed, smoke.test_confinement,
                                  dict(good, **{name: value}))


class SettingsTest(base.BaseTestCase):

    def test_each_language_is_complete(self):
        built = dockerfiles.languages()
        self.assertEqual(set(ON_ONE_MACHINE), built)
        for language in built:
            self.assertTrue(list((dockerfiles.DIRECTORY / 'smoke' / language)
                                 .iterdir()), language)
            # The command is that of a single machine, elsewhere.
            command = dockerfiles.settings(language)['bootstrap']
            interpreter = languages.Interpreter(command[0])
            interpreters = languages.Interpreters(
                interpreter, {'nodejs': interpreter})
            self.assertEqual(command, interpreters.bootstrap_command(
                ON_ONE_MACHINE[language], '/opt/qinling'))

    def test_processes_are_not_counted_for_all_of_a_node(self):
        for language in ON_ONE_MACHINE:
            self.assertEqual(0, dockerfiles.settings(language)['processes'])
