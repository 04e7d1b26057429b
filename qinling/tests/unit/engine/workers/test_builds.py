# SPDX-License-Identifier: Apache-2.0
"""Installation of dependencies."""

import base64
import io
import threading

import fixtures as patches
from oslotest import base as test_base

from qinling.core.function import builds as rows
from qinling.db import crud
from qinling.db import models
from qinling.engine.workers import builds
from qinling.engine.workers import invoker
from qinling.engine.workers import package_installer
from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.states import BuildStatus
from qinling.tests import fixtures
from qinling.tests.unit.engine import base

DEPENDENCIES = {'kind': 'pip', 'sha256': 'd' * 64}
GOOD = {'status': 'success', 'output': base64.b64encode(b'zip').decode(),
        'log': 'from http://user:hush@there/x\0', 'duration': 1}
BAD = dict(GOOD, status='failed', output='pip http://a:hush@b ended')


class Script:
    """Fake orchestrator and invoker with prepared answers."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.languages = 'python 3.11.7'
        self.claims = []
        self.requests = []
        self.released = 0
        self.exit_reason = None
        self.gate = threading.Event()
        self.gate.set()

    def describe(self):
        return {'interpreter': '/usr/bin/python3',
                'languages': self.languages}

    def claim(self, runtime_id, function, limits, build):
        if not self.has_room():
            raise exception.NoRoom('full')
        self.claims.append((function, limits))
        return 'worker'

    def has_room(self):
        return True

    def release(self, worker, disconnected=False):
        self.released += 1
        return self.exit_reason

    def forget(self, worker):
        pass

    def load(self, worker, settings, package):
        self.settings = settings
        return 200, {}

    def execute(self, worker, request, timeout, max_bytes=None):
        self.gate.wait(base.PATIENCE)
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return 200, answer


class BuildsTest(test_base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.core = self.useFixture(fixtures.Core(build={
            'index_url': 'https://user:hush@index/simple'}))
        self.db, self.conf = self.core.db, self.core.conf
        self.target = base.target(code={
            'source': 'package', 'dependencies': DEPENDENCIES})
        package = self.core.backends.packages.put(io.BytesIO(
            fixtures.archive({'requirements.txt': 'x'})))
        self.target = base.target(
            code=self.target.code, package=package.key)

    def create_builds(self, *answers, owner='one'):
        script = Script(*answers)
        new_builds = builds.Builds(self.conf, self.db, script, script,
                                   self.core.backends, owner)
        new_builds.script = script
        self.addCleanup(new_builds.stop)
        return new_builds

    def row(self):
        row, = self.db.read(lambda tx: rows.crud.select(tx, models.Build))
        return row

    def check_refused(self, engine, words):
        error = self.assertRaises(
            exception.PermanentError, engine.wait_for, self.target)
        self.assertIn(words, str(error))
        self.assertIn('GET /v1/functions/f/build', str(error))


class TestReady(BuildsTest):
    def test_files_that_an_older_release_accepted(self):
        package = self.core.backends.packages.put(io.BytesIO(
            fixtures.archive({'requirements.txt': 'x @ http://there/x'})))
        self.target = base.target(code=self.target.code, package=package.key)
        engine = self.create_builds()
        self.check_refused(engine, 'could not be installed')
        self.assertIn("'x @ http://there/x' in requirements.txt is not "
                      'installed', self.row().status_reason)
        self.assertEqual([], engine.script.claims)

    def test_functions_without_dependencies_need_no_build(self):
        engine = self.create_builds()
        self.assertEqual([], engine.wait_for(base.target()))
        self.assertEqual([], engine.script.claims)

    def test_builds_are_shared_by_engines(self):
        engine = self.create_builds(GOOD)
        key, = engine.wait_for(self.target)
        with self.core.backends.packages.open(key) as stored:
            self.assertEqual(b'zip', stored.read())
        self.assertEqual([key],
                         self.create_builds(owner='two').wait_for(self.target))
        row = self.row()
        self.assertEqual(
            ('ready', 'from http://***@there/x\ufffd', 3, 'pip'),
            (row.status, row.log, row.size, row.kind))
        (function, limits), = engine.script.claims
        self.assertEqual(('f', 0), function)
        self.assertTrue(limits.installs)
        kwargs = engine.script.requests[0]['kwargs']
        self.assertEqual({'requirements.txt': 'x\n'}, kwargs['files'])
        self.assertFalse(kwargs['settings']['sources'])

    def test_other_python_needs_another_build(self):
        engine = self.create_builds(GOOD, GOOD)
        first = engine.wait_for(self.target)
        engine.script.languages = 'python 3.12.1'
        self.assertNotEqual(first, engine.wait_for(self.target))
        self.assertEqual(2, len(engine.script.claims))

    def test_runtime_of_a_version_after_an_image_update(self):
        function = self.core.function()
        target = base.target(function_id=function.id, version=1)
        engine = self.create_builds()
        self.assertEqual(target.runtime_id, engine.current_runtime_id(target))
        runtime_id = self.core.runtime()
        self.core.insert(models.FunctionVersion, function_id=function.id,
                         version_number=1, runtime_id=runtime_id,
                         project_id='mine')
        self.assertEqual(runtime_id, engine.current_runtime_id(target))
        latest = base.target(function_id=function.id)
        self.assertEqual(latest.runtime_id, engine.current_runtime_id(latest))

    def test_failed_builds_are_repeated_on_request(self):
        engine = self.create_builds(BAD, GOOD)
        for _ in range(3):
            self.check_refused(engine, 'could not be installed')
        self.assertEqual('pip http://***@b ended', self.row().status_reason)
        engine.install(self.target)
        self.assertEqual(1, len(engine.wait_for(self.target)))
        engine.install(self.target)
        self.assertEqual(2, len(engine.script.requests))

    def test_other_options_need_another_build(self):
        self.create_builds(GOOD).wait_for(self.target)
        self.conf.set_override('index_url', 'https://other:x@index/simple',
                               group='build')
        # The password is no part of the fingerprint.
        self.assertEqual(1, len(self.create_builds().wait_for(self.target)))
        self.conf.set_override('index_url', 'https://other/', group='build')
        engine = self.create_builds(GOOD)
        engine.wait_for(self.target)
        self.assertEqual(1, len(engine.script.requests))

    def test_timeouts_fail_the_build(self):
        self.conf.set_override('timeout', 7, group='build')
        self.check_refused(self.create_builds(dict(BAD, duration=7.0)),
                           'could not be')
        self.assertEqual('It took longer than 7 seconds.',
                         self.row().status_reason)

    def test_lost_packages_are_built_again(self):
        engine = self.create_builds(GOOD, GOOD)
        key, = engine.wait_for(self.target)
        engine.forget_missing([key])
        self.assertEqual('ready', self.row().status)
        self.core.backends.packages._storage.delete(key)
        engine.forget_missing([key])
        self.assertNotEqual([key], engine.wait_for(self.target))


class TestTogether(BuildsTest):
    """Concurrent requests for equal dependencies."""

    def test_concurrent_requests_build_once(self):
        engines = (self.create_builds(GOOD),
                   self.create_builds(GOOD, owner='two'))
        for engine in engines:
            engine.script.gate.clear()
        results = []
        threads = [threading.Thread(
            target=lambda engine=engine: results.append(
                engine.wait_for(self.target))) for engine in engines * 3]
        for thread in threads:
            thread.start()
        for engine in engines:
            engine.script.gate.set()
        for thread in threads:
            thread.join(base.PATIENCE)
        self.assertEqual(6, len(results))
        self.assertEqual(1, len({tuple(keys) for keys in results}))
        self.assertEqual(1, sum(len(engine.script.requests)
                                for engine in engines))

    def test_wait_is_limited(self):
        self.conf.set_override('queue_timeout', 1, group='engine')
        engine = self.create_builds(GOOD)
        engine.script.gate.clear()
        self.check_refused(engine, 'are not installed yet')
        engine.script.gate.set()

    def test_settle_waits_beyond_the_queue_timeout(self):
        self.conf.set_override('queue_timeout', 1, group='engine')
        engine = self.create_builds(GOOD)
        engine.script.gate.clear()
        polls = []

        def is_abandoned():
            polls.append(1)
            if len(polls) == 4:
                # The build took longer than queue_timeout.
                engine.script.gate.set()
            return False
        engine.settle(self.target, is_abandoned)
        self.assertEqual('ready', self.row().status)
        self.assertEqual(1, len(engine.wait_for(self.target)))
        before = len(polls)
        engine.settle(self.target, is_abandoned)
        self.assertEqual(before, len(polls))
        engine.settle(base.target(), is_abandoned)

    def test_settle_can_be_abandoned(self):
        engine = self.create_builds(GOOD)
        engine.settle(self.target, lambda: True)
        self.assertRaises(ValueError, self.row)
        self.conf.set_override('timeout', 1, group='build')
        self.useFixture(patches.MockPatchObject(
            package_installer, 'MARGIN_SECONDS', -1))
        engine.settle(self.target, lambda: False)
        self.assertRaises(ValueError, self.row)

    def test_settle_returns_after_a_failure(self):
        engine = self.create_builds(BAD)
        engine.settle(self.target, lambda: False)
        self.assertEqual('failed', self.row().status)
        self.check_refused(engine, 'could not be installed')

    def test_builds_of_dead_engines_are_taken_over(self):
        engine = self.create_builds(GOOD)
        rows.claim(self.db, engine._id(self.target), DEPENDENCIES, 'dead', -1)
        self.assertEqual(1, len(engine.wait_for(self.target)))

    def test_standalone_engine_releases_all_builds(self):
        engine = self.create_builds()
        rows.claim(self.db, 'x', DEPENDENCIES, 'dead', 60)
        engine.start(alone=False)
        self.assertEqual('dead', self.row().owner)
        engine.stop()
        self.assertEqual('dead', self.row().owner)
        engine.start(alone=True)
        self.assertRaises(ValueError, self.row)


class TestFaults(BuildsTest):
    def test_dead_workers_are_replaced(self):
        engine = self.create_builds(invoker.Lost('gone'), GOOD)
        self.assertEqual(1, len(engine.wait_for(self.target)))
        self.assertEqual(2, len(engine.script.requests))

    def test_out_of_memory_fails_the_build(self):
        engine = self.create_builds(invoker.Lost('gone'))
        engine.script.exit_reason = orchestrators.ExitReason(
            'Too much memory.', True)
        self.check_refused(engine, 'could not be installed')
        self.assertEqual('Too much memory.', self.row().status_reason)

    def test_reason_of_the_installer_is_shown(self):
        for log, reason in (
                ('Collecting x\nERROR: No version\nERROR: No x\n',
                 'pip failed. ERROR: No x'),
                ('npm error code E404\nnpm error 404 No x\n'
                 'npm error A complete log is elsewhere\n',
                 'pip failed. npm error 404 No x'),
                ('Collecting x\n', 'pip failed.')):
            self.check_refused(self.create_builds(dict(
                GOOD, output={'error': 'pip failed.'}, log=log)),
                'could not be installed')
            self.assertEqual((reason, log), (
                self.row().status_reason, self.row().log))
            self.db.write(lambda tx: crud.delete_all(tx, models.Build))

    def test_permanent_faults_fail_the_build(self):
        self.check_refused(self.create_builds(
            exception.PermanentError('no pool')), 'could not be installed')
        self.assertIn('no pool', self.row().status_reason)

    def test_internal_faults_fail_the_build(self):
        self.check_refused(self.create_builds(KeyError('x')),
                           'could not be installed')
        self.assertIn('internal fault', self.row().status_reason)

    def test_packages_of_lost_builds_are_deleted(self):
        engine = self.create_builds(GOOD)
        engine._write_success('nothing', b'zip', '')
        self.assertEqual([self.target.package], self.core.packages())

    def test_ended_builds_do_not_change(self):
        rows.claim(self.db, 'x', DEPENDENCIES, 'one', 60)
        self.assertTrue(rows.end(self.db, 'x', 'one', BuildStatus.FAILED))
        self.assertFalse(rows.end(self.db, 'x', 'one', BuildStatus.READY))

    def test_replaced_packages_end_the_wait(self):
        engine = self.create_builds()
        self.core.backends.packages._storage.delete(self.target.package)
        self.assertRaises(exception.TargetReplaced, engine.wait_for,
                          self.target)
        self.assertRaises(ValueError, self.row)
        engine.settle(self.target, lambda: False)
        self.assertEqual([], engine.script.claims)


class TestRoom(BuildsTest):
    """Builds while the machine has no room for a worker."""

    def setUp(self):
        super().setUp()
        self.useFixture(patches.MockPatchObject(
            builds, 'MAX_PAUSE_SECONDS', 0.01))

    def test_idle_workers_make_room(self):
        engine = self.create_builds(GOOD)
        evictor = base.Evictor(2)
        engine.script.has_room = lambda: not evictor.idle_workers
        engine.use_evictor(evictor)
        self.assertEqual(1, len(engine.wait_for(self.target)))
        self.assertEqual(0, evictor.idle_workers)
        self.assertEqual(1, len(engine.script.requests))

    def test_builds_wait_for_room_and_say_so(self):
        engine = self.create_builds(GOOD)
        reasons = []

        def has_room():
            reasons.append(self.row().status_reason)
            return len(reasons) > 3
        engine.script.has_room = has_room
        engine.use_evictor(base.Evictor(0))
        self.assertEqual(1, len(engine.wait_for(self.target)))
        self.assertEqual([None, *['Waiting for a worker: full'] * 3],
                         reasons)

    def test_builds_give_up_after_the_timeout(self):
        self.conf.set_override('timeout', 1, group='build')
        self.conf.set_override('queue_timeout', 1, group='engine')
        engine = self.create_builds()
        engine.script.has_room = lambda: False
        self.check_refused(engine, 'are not installed yet')
        engine.stop()
