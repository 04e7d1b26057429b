# SPDX-License-Identifier: Apache-2.0
"""Claim of workers and load of code."""

import contextlib
import io

from oslotest import base as test_base

from qinling import conf as qinling_conf
from qinling.core import services
from qinling.engine.workers import invoker
from qinling.engine.workers import loader
from qinling.engine.workers import tokens
from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.tests.unit.engine import base

LOADED, IDLE = (200, {'state': 'loaded', 'busy': 0}), (
    200, {'state': 'idle', 'busy': 0})
BUSY = (200, {'state': 'loaded', 'busy': 1})


class Script:
    """Fake orchestrator, invoker and source."""

    def __init__(self, used=(), states=(), load=(200, {}), dead=(),
                 moved=None):
        self.moved = moved or {}
        self.used = list(used)
        self.dead = dead
        self.states = list(states)
        self.answer = load
        self.claims = []
        self.runtimes = []
        self.loads = []
        self.released = []

    def claim(self, runtime_id, function, limits, build):
        self.claims.append((function, build))
        used = self.used.pop(0) if self.used else False
        if runtime_id == 'none yet':
            raise orchestrators.NoPool(runtime_id)
        self.runtimes.append(runtime_id)
        return orchestrators.Worker(f'w{len(self.claims)}', runtime_id,
                                    'unix:/none', 's', function, used)

    def release(self, worker, disconnected=False):
        self.released.append(worker.name)

    def forget(self, worker):
        pass

    def status(self, worker):
        state = self.states.pop(0)
        if isinstance(state, Exception):
            raise state
        return state

    def wait_for(self, target):
        return target.code.get('dependencies', ())

    def current_runtime_id(self, target):
        return self.moved.get(target.runtime_id, target.runtime_id)

    def forget_missing(self, installed):
        self.checked = list(installed)

    def load(self, worker, settings, package, *dependencies):
        self.dependencies = [stream.read() for stream in dependencies]
        if worker.name in self.dead:
            raise invoker.NotSent('connection refused')
        self.loads.append((worker.name, settings['entry'], package.read()))
        self.environment = settings['environment']
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def decrypt(self, id):
        if id == 'gone':
            raise exception.PermanentError('its settings are gone')
        return {'KEY': id}

    def open(self, code, package=None, auth=None):
        if 'gone' in (code, package):
            raise FileNotFoundError(package)
        return contextlib.closing(io.BytesIO(
            b'zip' if package else code.encode()))


class TestWorkers(test_base.BaseTestCase):
    def start(self, target=None, **script):
        self.script = Script(**script)
        new_loader = loader.Loader(
            qinling_conf.load([], []), self.script, self.script,
            services.Backends(
                {'package': self.script}, self.script, None, self.script),
            tokens.Tokens(None, None), self.script)
        return new_loader.start(target or base.target()).name

    def test_new_worker(self):
        self.assertEqual('w1', self.start())
        self.assertEqual([('w1', 'main.main', b'zip')], self.script.loads)

    def test_equal_code_has_an_equal_fingerprint(self):
        fingerprints = []
        for target in (base.target(), base.target(timeout=99),
                       base.target(package='other'), base.target(version=1),
                       base.target(settings_id='x'),
                       base.target(offline=True)):
            self.start(target)
            fingerprints.append(self.script.claims[0][1])
            # Kubernetes limits the values of labels.
            self.assertLessEqual(len(fingerprints[-1]), 63)
        self.assertEqual(fingerprints[0], fingerprints[1])
        self.assertEqual(5, len(set(fingerprints)))

    def test_loaded_workers_are_reused(self):
        self.assertEqual('w1', self.start(used=[True], states=[LOADED]))
        self.assertEqual([], self.script.loads)

    def test_idle_workers_are_loaded(self):
        self.assertEqual('w1', self.start(used=[True], states=[IDLE]))
        self.assertEqual(1, len(self.script.loads))

    def test_unusable_workers_are_released(self):
        states = [BUSY, invoker.NotSent('gone'), invoker.Lost('gone'),
                  (403, {'error': 'The secret is wrong.'}), LOADED]
        self.assertEqual('w5', self.start(used=[True] * 5, states=states))
        self.assertEqual(['w1', 'w2', 'w3', 'w4'], self.script.released)

    def test_load_failure_releases_the_worker(self):
        for answer, kind in ((invoker.Lost('x'), exception.TemporaryError),
                             ((400, {'error': 'not a ZIP'}),
                              exception.PermanentError)):
            self.assertRaises(kind, self.start, load=answer)
            self.assertEqual(['w1'], self.script.released)

    def test_dead_workers_are_skipped(self):
        self.assertEqual('w3', self.start(dead=('w1', 'w2')))
        self.assertEqual(['w1', 'w2'], self.script.released)

    def test_version_after_an_image_update(self):
        self.assertEqual('w2', self.start(
            base.target(version=1), moved={'r': 'kept'}))
        self.assertEqual((['r', 'kept'], ['w1'], 1), (
            self.script.runtimes, self.script.released,
            len(self.script.loads)))
        self.assertEqual(2, len({build for _, build in self.script.claims}))
        # The engine retries until the pool exists.
        self.assertRaises(exception.TemporaryError, self.start,
                          base.target(version=1), moved={'r': 'none yet'})
        self.assertEqual((['w1'], []),
                         (self.script.released, self.script.loads))

    def test_attempts_are_limited(self):
        self.assertRaises(exception.TemporaryError, self.start,
                          load=invoker.NotSent('gone'))
        self.assertEqual(['w1', 'w2', 'w3'], self.script.released)

    def test_environment(self):
        self.start(base.target(settings_id='x'))
        self.assertEqual({'KEY': 'x'}, self.script.environment)
        self.assertRaises(exception.PermanentError, self.start,
                          base.target(settings_id='gone'))
        self.assertEqual([], self.script.released)

    def test_lost_packages_raise(self):
        self.assertRaises(exception.TargetReplaced, self.start,
                          base.target(package='gone'))
        self.assertEqual([], self.script.released)
