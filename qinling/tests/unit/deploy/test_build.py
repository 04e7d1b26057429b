# SPDX-License-Identifier: Apache-2.0
"""Tests of tools/docker/build.sh, with doubles of the builders."""

import json
import os
import pathlib
import subprocess
import sys

import fixtures
from oslotest import base

from qinling.tests.unit.deploy import builders
from qinling.tests.unit.deploy import manifests

SCRIPT = manifests.CHECKOUT / 'tools' / 'docker' / 'build.sh'
IMAGES = ['service', 'python-3.11', 'python-3.12', 'python-3.13', 'nodejs-24',
          'command-13']


class BuildTest(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        for name in ('docker', 'podman', 'buildah'):
            program = self.directory / name
            program.write_text(f'#!/bin/sh\nexec {sys.executable} '
                               f'{builders.__file__} {name} "$@"\n')
            program.chmod(0o755)
        # The smoke test is to give up soon, not to be waited for.
        python = self.directory / 'python3'
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@" '
                          '--patience 5\n')
        python.chmod(0o755)

    def build(self, *words, works='docker', fault=''):
        """Run the script and return the completed process."""
        return subprocess.run(
            [str(SCRIPT), *words], capture_output=True, text=True,
            stdin=subprocess.DEVNULL, env=dict(
                os.environ, DOUBLE_STATE=str(self.directory),
                DOUBLE_WORKS=works, DOUBLE_FAULT=fault,
                PATH=f'{self.directory}:{os.environ["PATH"]}'))

    def calls(self, verb):
        """Return the calls of builders with a verb."""
        path = self.directory / 'calls'
        calls = map(json.loads, path.read_text().splitlines())
        return [call for call in calls if call[1] == verb]

    def test_help(self):
        done = self.build('--help', works='')
        self.assertEqual(0, done.returncode)
        for image in IMAGES:
            self.assertIn(f'  {image}\n', done.stdout)

    def test_list(self):
        done = self.build('--list', '--registry', 'r.example.com/q',
                          '--tag', '7', works='')
        self.assertEqual([f'r.example.com/q/{image}:7' for image in IMAGES],
                         done.stdout.splitlines())

    def test_language_without_bootstrap_is_skipped(self):
        table = (SCRIPT.parent / 'images').read_text()
        for line in table.splitlines():
            if line and not line.startswith('#'):
                name, language, _base = line.split()
                there = list(manifests.CHECKOUT.glob(
                    f'qinling/runtimes/{language}.*'))
                done = self.build('--list', name, works='')
                self.assertEqual(0 if there else 2, done.returncode, name)

    def test_usage(self):
        for words, sentence in ((['--what'], 'Unknown option --what'),
                                (['ruby'], 'Unknown image ruby; use service '),
                                (['--builder', 'kaniko'],
                                 'Unknown builder kaniko; use docker')):
            done = self.build(*words)
            self.assertEqual(2, done.returncode, words)
            self.assertIn(sentence, done.stderr)

    def test_no_builder(self):
        for words, sentence in (
                ([], 'no answer from docker, podman or buildah.'),
                (['--builder', 'podman'], 'no answer from podman.')):
            done = self.build(*words, works='')
            self.assertEqual(3, done.returncode)
            self.assertIn(sentence, done.stderr)
        self.assertEqual([], self.calls('build'))

    def test_all(self):
        done = self.build(works='podman docker')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn('Building with docker: ' + ' '.join(IMAGES),
                      done.stdout)
        self.assertEqual(
            [f'localhost/qinling/{image}:6.0.0' for image in IMAGES],
            [call[call.index('-t') + 1] for call in self.calls('build')])
        self.assertEqual(len(IMAGES), len(self.calls('run')))
        self.assertEqual(len(IMAGES), len(self.calls('rm')))
        self.assertEqual([], self.calls('push'))

    def test_arguments_of_images(self):
        self.build('service', 'python-3.12')
        service, python = self.calls('build')
        self.assertIn('VERSION=6.0.0', service)
        self.assertIn('tools/docker/Dockerfile.service', service)
        self.assertIn('LANGUAGE=python', python)
        self.assertIn('BASE=docker.io/library/python:3.12-slim-trixie',
                      python)
        self.assertIn('tools/docker/Dockerfile', python)

    def test_containers_are_confined(self):
        self.build('python-3.13')
        run, = self.calls('run')
        self.assertIn('--read-only', run)
        self.assertEqual('ALL', run[run.index('--cap-drop') + 1])
        self.assertIn('no-new-privileges', run)
        self.assertNotIn('--user', run)
        self.assertNotIn('--privileged', run)

    def test_secret_is_on_no_command_line(self):
        self.build('python-3.13')
        run, = self.calls('run')
        self.assertEqual(['QINLING_POOL_KEY', 'QINLING_WORKER'], [
            run[at + 1] for at, word in enumerate(run) if word == '-e'])

    def test_push(self):
        done = self.build('--push', '--registry', 'r.example.com/q',
                          '--tag', 'x', 'python-3.13')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual([['docker', 'push', 'r.example.com/q/python-3.13:x']],
                         self.calls('push'))

    def test_failures(self):
        for fault, code, sentence in (
                ('build', 1, 'could not be built'),
                ('run', 4, 'failed the test'),
                ('root', 4, 'The smoke test failed: root should be False'),
                ('silent', 4, 'The smoke test failed: No answer from'),
                ('push', 1, 'could not be pushed')):
            done = self.build('--push', 'python-3.13', fault=fault)
            self.assertEqual(code, done.returncode, (fault, done.stderr))
            self.assertIn(sentence, done.stderr)
            self.assertNotIn('Done:', done.stdout)
        self.assertEqual(1, len(self.calls('push')))

    def test_end_of_the_log_is_shown(self):
        done = self.build('python-3.13', fault='root')
        self.assertIn('the last words of the container',
                      done.stdout + done.stderr)

    def test_buildah_needs_a_runner(self):
        done = self.build('python-3.13', works='buildah')
        self.assertEqual(5, done.returncode)
        done = self.build('--no-smoke', 'python-3.13', works='buildah')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual([], self.calls('run'))
        done = self.build('--builder', 'buildah', 'python-3.13',
                          works='buildah podman')
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(['podman'], [call[0] for call in self.calls('run')])
