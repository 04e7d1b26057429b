# SPDX-License-Identifier: Apache-2.0
"""Who installs, who waits, and what comes of it."""

import base64
import io
import threading

import fixtures as patches
from oslotest import base as test_base

from qinling.core.function import builds as rows
from qinling.db import models
from qinling.engine.workers import builds
from qinling.engine.workers import installer
from qinling.engine.workers import invoker
from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.states import BuildStatus
from qinling.tests import fixtures
from qinling.tests.unit.engine import base

NEEDED = {'kind': 'pip', 'sha256': 'd' * 64}
GOOD = {'status': 'success', 'output': base64.b64encode(b'zip').decode(),
        'log': 'from http://user:hush@there/x\0', 'duration': 1}
BAD = dict(GOOD, status='failed', output='pip http://a:hush@b ended')


class Script:
    """Plays the orchestrator and the invoker: what an execution is answered
    is said in ``answers``."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.languages = 'python 3.11.7'
        self.claims = []
        self.orders = []
        self.released = 0
        self.death = None
        self.gate = threading.Event()
        self.gate.set()

    def describe(self):
        return {'interpreter': '/usr/bin/python3',
                'languages': self.languages}

    def claim(self, runtime_id, function, limits, build):
        self.claims.append((function, limits))
        return 'worker'

    def release(self, worker, disconnected=False):
        self.released += 1
        return self.death

    def forget(self, worker):
        pass

    def load(self, worker, settings, package):
        self.settings = settings
        return 200, {}

    def execute(self, worker, order, timeout):
        self.gate.wait(base.PATIENCE)
        self.orders.append(order)
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
            'source': 'package', 'dependencies': NEEDED})
        package = self.core.backends.packages.put(io.BytesIO(
            fixtures.archive({'requirements.txt': 'x'})))
        self.target = base.target(
            code=self.target.code, package=package.key)

    def make(self, *answers, owner='one'):
        script = Script(*answers)
        made = builds.Builds(self.conf, self.db, script, script,
                             self.core.backends, owner)
        made.script = script
        self.addCleanup(made.stop)
        return made

    def row(self):
        row, = self.db.read(lambda tx: rows.crud.select(tx, models.Build))
        return row

    def refused(self, made, words):
        error = self.assertRaises(
            exception.PermanentError, made.wait_for, self.target)
        self.assertIn(words, str(error))
        self.assertIn('GET /v1/functions/f/build', str(error))


class TestReady(BuildsTest):
    def test_nothing_needed(self):
        made = self.make()
        self.assertEqual([], made.wait_for(base.target()))
        self.assertEqual([], made.script.claims)

    def test_installed_once(self):
        made = self.make(GOOD)
        key, = made.wait_for(self.target)
        with self.core.backends.packages.open(key) as stored:
            self.assertEqual(b'zip', stored.read())
        self.assertEqual([key], self.make(owner='two').wait_for(self.target))
        row = self.row()
        self.assertEqual(
            ('ready', 'from http://***@there/x\ufffd', 3, 'pip'),
            (row.status, row.log, row.size, row.kind))
        (function, limits), = made.script.claims
        self.assertEqual(('f', 0), function)
        self.assertTrue(limits.installs)
        kwargs = made.script.orders[0]['kwargs']
        self.assertEqual({'requirements.txt': 'x\n'}, kwargs['files'])
        self.assertFalse(kwargs['settings']['sources'])

    def test_installed_anew_for_another_python(self):
        made = self.make(GOOD, GOOD)
        first = made.wait_for(self.target)
        made.script.languages = 'python 3.12.1'
        self.assertNotEqual(first, made.wait_for(self.target))
        self.assertEqual(2, len(made.script.claims))

    def test_runtime_of_a_version_that_was_led_elsewhere(self):
        function = self.core.function()
        target = base.target(function_id=function.id, version=1)
        made = self.make()
        self.assertEqual(target.runtime_id, made.current_runtime_id(target))
        kept = self.core.runtime()
        self.core.insert(models.FunctionVersion, function_id=function.id,
                         version_number=1, runtime_id=kept,
                         project_id='mine')
        self.assertEqual(kept, made.current_runtime_id(target))
        latest = base.target(function_id=function.id)
        self.assertEqual(latest.runtime_id, made.current_runtime_id(latest))

    def test_failed_until_it_is_asked_for(self):
        made = self.make(BAD, GOOD)
        for _ in range(3):
            self.refused(made, 'could not be installed')
        self.assertEqual('pip http://***@b ended', self.row().status_reason)
        made.install(self.target)
        self.assertEqual(1, len(made.wait_for(self.target)))
        made.install(self.target)
        self.assertEqual(2, len(made.script.orders))

    def test_other_options_are_another_build(self):
        self.make(GOOD).wait_for(self.target)
        self.conf.set_override('index_url', 'https://other:x@index/simple',
                               group='build')
        # Another password is none.
        self.assertEqual(1, len(self.make().wait_for(self.target)))
        self.conf.set_override('index_url', 'https://other/', group='build')
        made = self.make(GOOD)
        made.wait_for(self.target)
        self.assertEqual(1, len(made.script.orders))

    def test_it_takes_too_long(self):
        self.conf.set_override('timeout', 7, group='build')
        self.refused(self.make(dict(BAD, duration=7.0)), 'could not be')
        self.assertEqual('It took longer than 7 seconds.',
                         self.row().status_reason)

    def test_what_was_installed_is_gone(self):
        made = self.make(GOOD, GOOD)
        key, = made.wait_for(self.target)
        made.forget_missing([key])
        self.assertEqual('ready', self.row().status)
        self.core.backends.packages._storage.delete(key)
        made.forget_missing([key])
        self.assertNotEqual([key], made.wait_for(self.target))


class TestTogether(BuildsTest):
    """Many who need the same."""

    def test_of_one_engine_and_of_two(self):
        engines = self.make(GOOD), self.make(GOOD, owner='two')
        for made in engines:
            made.script.gate.clear()
        found = []
        threads = [threading.Thread(target=lambda made=made: found.append(
            made.wait_for(self.target))) for made in engines * 3]
        for thread in threads:
            thread.start()
        for made in engines:
            made.script.gate.set()
        for thread in threads:
            thread.join(base.PATIENCE)
        self.assertEqual(6, len(found))
        self.assertEqual(1, len({tuple(each) for each in found}))
        self.assertEqual(1, sum(len(made.script.orders)
                                for made in engines))

    def test_not_for_ever(self):
        self.conf.set_override('queue_timeout', 1, group='engine')
        made = self.make(GOOD)
        made.script.gate.clear()
        self.refused(made, 'are not installed yet')
        made.script.gate.set()

    def test_nobody_waits_for_what_runs_later(self):
        self.conf.set_override('queue_timeout', 1, group='engine')
        made = self.make(GOOD)
        made.script.gate.clear()
        asked = []

        def given_up():
            asked.append(1)
            if len(asked) == 4:
                # By now it took longer than others wait.
                made.script.gate.set()
            return False
        made.settle(self.target, given_up)
        self.assertEqual('ready', self.row().status)
        self.assertEqual(1, len(made.wait_for(self.target)))
        before = len(asked)
        made.settle(self.target, given_up)
        self.assertEqual(before, len(asked))
        made.settle(base.target(), given_up)

    def test_it_is_given_up(self):
        made = self.make(GOOD)
        made.settle(self.target, lambda: True)
        self.assertRaises(ValueError, self.row)
        self.conf.set_override('timeout', 1, group='build')
        self.useFixture(patches.MockPatchObject(
            installer, 'MARGIN_SECONDS', -1))
        made.settle(self.target, lambda: False)
        self.assertRaises(ValueError, self.row)

    def test_what_failed_is_not_waited_for(self):
        made = self.make(BAD)
        made.settle(self.target, lambda: False)
        self.assertEqual('failed', self.row().status)
        self.refused(made, 'could not be installed')

    def test_an_engine_that_died(self):
        made = self.make(GOOD)
        rows.claim(self.db, made._id(self.target), NEEDED, 'dead', -1)
        self.assertEqual(1, len(made.wait_for(self.target)))

    def test_an_engine_begins_and_ends(self):
        made = self.make()
        rows.claim(self.db, 'x', NEEDED, 'dead', 60)
        made.start(alone=False)
        self.assertEqual('dead', self.row().owner)
        made.stop()
        self.assertEqual('dead', self.row().owner)
        made.start(alone=True)
        self.assertRaises(ValueError, self.row)


class TestFaults(BuildsTest):
    def test_the_worker_dies(self):
        made = self.make(invoker.Lost('gone'), GOOD)
        self.assertEqual(1, len(made.wait_for(self.target)))
        self.assertEqual(2, len(made.script.orders))

    def test_it_takes_too_much_memory(self):
        made = self.make(invoker.Lost('gone'))
        made.script.death = orchestrators.ExitReason('Too much memory.', True)
        self.refused(made, 'could not be installed')
        self.assertEqual('Too much memory.', self.row().status_reason)

    def test_there_will_be_no_worker(self):
        self.refused(self.make(exception.PermanentError('no pool')),
                     'could not be installed')
        self.assertIn('no pool', self.row().status_reason)

    def test_a_fault_of_ours(self):
        self.refused(self.make(KeyError('x')), 'could not be installed')
        self.assertIn('internal fault', self.row().status_reason)

    def test_the_row_is_another_engines_by_then(self):
        made = self.make(GOOD)
        made._write_success('nothing', b'zip', '')
        self.assertEqual([self.target.package], self.core.packages())

    def test_a_build_that_is_moved_but_never_back(self):
        rows.claim(self.db, 'x', NEEDED, 'one', 60)
        self.assertTrue(rows.end(self.db, 'x', 'one', BuildStatus.FAILED))
        self.assertFalse(rows.end(self.db, 'x', 'one', BuildStatus.READY))
