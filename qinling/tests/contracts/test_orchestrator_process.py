# SPDX-License-Identifier: Apache-2.0
"""Tests of the process orchestrator, with each kind of isolation."""

import json
import os
import signal
import subprocess
import sys
import time

import fixtures
from oslotest import base

from qinling import exception
from qinling.orchestrators import base as orchestrators
from qinling.orchestrators.process import languages
from qinling.orchestrators.process import worker as workers
from qinling.tests.contracts import process_drivers
from qinling.tests.contracts import test_orchestrator
from qinling.tests.functional import processes
from qinling.tests.unit.runtimes import agents

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__)))))

# A service that owns a driver, with one worker busy and the others idle.
OWNER = '''
import sys, threading
from qinling.orchestrators import base
from qinling.tests.contracts import process_drivers
from qinling.tests.unit.runtimes import agents

class Owner(process_drivers.ProcessDriverMixin):
    launcher = sys.argv[2]
    def addCleanup(self, *args): pass

driver = Owner().make_driver(sys.argv[1], pool_size=2)
driver.ensure_pool(base.RuntimeSpec('r', 'python3'))
limits = base.Limits(500, 64 << 20, 2)
worker = driver.claim('r', base.FunctionKey('f'), limits)
client = agents.Client(worker.address[5:], worker.secret)
client.load(agents.package('processes'), entry='main.daemon_then_sleep')
threading.Thread(target=client.try_execute, daemon=True).start()
agents.wait_until(lambda: driver.pools()['r'].available == 2)
print('ready', flush=True)
threading.Event().wait()
'''


class ProcessContract(process_drivers.ProcessDriverMixin,
                      test_orchestrator.OrchestratorContract):
    """Tests of process drivers beyond the contract."""

    def workers(self, driver):
        """Return the processes of all workers in a driver's records."""
        return [process._popen.pid for process in driver._processes]

    def test_isolation_is_reported(self):
        self.assertEqual(self.launcher,
                         self.make_driver().describe()['isolation'])

    def test_dead_idle_workers_are_replaced(self):
        driver = self.make_pool(pool_size=1)
        victim, = self.workers(driver)
        victims = [victim, *processes.descendants(victim)]
        for pid in reversed(victims):
            os.kill(pid, signal.SIGKILL)
        self.wait_until(lambda: self.available(driver) == 1
                        and self.workers(driver) != [victim])
        self.ping(self.claim(driver))

    def test_close_ends_every_process(self):
        driver = self.make_pool(pool_size=2)
        worker = self.claim(driver)
        client = self.connect(worker)
        client.load(agents.package('processes'), entry='main.daemon')
        self.assertEqual('success', client.execute()['status'])
        self.wait_until(lambda: self.available(driver) == 2)
        pids = [pid for root_pid in self.workers(driver)
                for pid in (root_pid, *processes.descendants(root_pid))]
        # An agent and an executor each.
        self.assertGreaterEqual(len(pids), 6)
        driver.close()
        self.assertEqual([], [pid for pid in pids if agents.alive(pid)])
        self.assertEqual(['root'], os.listdir(driver._directory.path))

    def test_close_leaves_no_files(self):
        driver = self.make_pool(pool_size=2)
        worker = self.claim(driver)
        driver.close()
        self.assertRaises(OSError, self.ping, worker)
        self.assertEqual([], driver.claimed())
        self.assertRaises(exception.TemporaryError, self.claim, driver)
        driver.close()

    def test_release_ends_running_processes(self):
        driver = self.make_pool()
        worker = self.claim(driver)
        client = self.connect(worker)
        client.load(agents.package('processes'),
                    entry='main.daemon_then_sleep')
        process = driver._claimed[worker.name][1]._popen.pid
        # Beside agent and executor, and bubblewrap or not: the daemon.
        idle = len(processes.descendants(process))
        body = json.dumps({'execution_id': 'e', 'timeout': 60}).encode()
        client.socket.sendall(
            b'POST /execute HTTP/1.1\r\nX-Qinling-Secret: %s\r\n'
            b'Content-Length: %d\r\n\r\n%s'
            % (worker.secret.encode(), len(body), body))
        self.wait_until(lambda: len(processes.descendants(
            process)) > idle)
        pids = processes.descendants(process)
        driver.release(worker)
        self.assertEqual([], [pid for pid in pids if agents.alive(pid)])
        # No result is reported, least of all a wrong result.
        try:
            self.assertEqual(500, client.receive().status)
        except OSError:
            pass

    def test_worker_never_starts(self):
        languages.LANGUAGES['broken'] = languages.Language(
            'broken', 'python.py',
            ('-I', '-c', 'raise SystemExit("sad words")'))
        driver = self.make_driver(pool_size=3)
        error = self.assertRaises(
            exception.PermanentError, driver.ensure_pool,
            orchestrators.RuntimeSpec('r', 'broken'))
        self.assertIn('sad words', str(error))
        self.assertIsNone(driver.pools().get('r'))
        self.wait_until(lambda: not driver._total)

    def test_workers_of_functions_give_way_to_a_new_runtime(self):
        driver = self.make_pool(pool_size=1, max_workers=2)
        worker = self.claim(driver)
        self.wait_until(lambda: self.available(driver) == 1)
        driver.on_full = lambda: driver.release(worker)
        driver.ensure_pool(orchestrators.RuntimeSpec('other', 'python3'))
        self.assertEqual(1, driver.pools()['other'].available)
        self.assertEqual(1, self.available(driver))

    def test_no_room_for_a_new_runtime(self):
        driver = self.make_pool(pool_size=1, max_workers=1)
        driver._options.start_timeout = 0.1
        error = self.assertRaises(
            exception.TemporaryError, driver.ensure_pool,
            orchestrators.RuntimeSpec('other', 'python3'))
        self.assertIn('1 workers on this machine already', str(error))
        self.assertNotIn('other', driver.pools())

    def test_failing_starts_cause_no_hot_loop(self):
        driver = self.make_pool(pool_size=2)
        starts = []
        launch = driver._starter.launch

        def broken(*_arguments):
            starts.append(time.monotonic())
            raise workers.StartFailed('sad')

        # Not before: one of these may still be about to start.
        self.wait_until(lambda: self.available(driver) == 2)
        driver._starter.launch = broken
        self.claim(driver)
        self.claim(driver)
        self.wait_until(lambda: starts)
        error = self.assertRaises(exception.TemporaryError, self.claim,
                                  driver)
        self.assertIn('sad', str(error))
        # After those that the claims made, the next start waits, and each
        # one after it longer.
        self.wait_until(lambda: len(starts) >= 6)
        self.assertGreater(starts[5] - starts[0], 1)
        driver._starter.launch = launch
        self.wait_until(lambda: self.available(driver) > 0)
        self.ping(self.claim(driver))

    def test_killed_service_leaves_no_process(self):
        directory = self.useFixture(fixtures.TempDir()).path
        self.make_driver()  # skips where it must
        owner = subprocess.Popen(
            [sys.executable, '-c', OWNER, directory, self.launcher],
            cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.addCleanup(owner.stdout.close)
        self.addCleanup(owner.wait)
        self.addCleanup(owner.kill)
        self.assertEqual('ready\n', owner.stdout.readline())
        # Agents and executors of three workers, and a daemon of the user's.
        self.wait_until(lambda: len(processes.descendants(
            owner.pid)) >= 3 * 2 + 1)
        pids = processes.descendants(owner.pid)
        owner.kill()
        owner.wait()
        self.wait_until(lambda: not any(map(agents.alive, pids)))

        # What it left behind is removed by the next one.
        remaining = os.listdir(directory)
        self.assertIn('.sock', ' '.join(remaining))
        driver = self.make_driver(directory)
        self.assertEqual(['root'], os.listdir(directory))
        for path in set(getattr(driver._cgroups, '_bases', {}).values()):
            self.assertEqual([], [name for name in os.listdir(path)
                                  if name.startswith(f'qinling-{owner.pid}-')])
        driver.ensure_pool(orchestrators.RuntimeSpec('r', 'python3'))

    def test_directory_of_another_user(self):
        directory = self.useFixture(fixtures.TempDir()).path
        self.make_driver(directory)
        error = self.assertRaises(
            exception.PermanentError, process_drivers.process.Driver,
            process_drivers.config(isolation='none'), directory)
        self.assertIn(directory, str(error))

    def test_directory_is_private(self):
        directory = self.useFixture(fixtures.TempDir()).path
        self.make_driver(directory + '/new')
        self.assertEqual(0o700, os.stat(directory + '/new').st_mode & 0o777)

    def test_long_directory(self):
        directory = os.path.join(self.useFixture(fixtures.TempDir()).path,
                                 'x' * 100)
        driver = self.make_driver(directory)
        driver.ensure_pool(orchestrators.RuntimeSpec(self.RUNTIME, 'python3'))
        worker = self.claim(driver)
        self.assertLess(len(worker.address), 110)
        self.ping(worker)
        driver.release(worker)
        self.assertEqual([], [name for name in os.listdir(directory)
                              if name.startswith(worker.name)])


class TestBubblewrap(ProcessContract, base.BaseTestCase):
    launcher = 'bubblewrap'


class TestNamespaces(ProcessContract, base.BaseTestCase):
    launcher = 'namespaces'


class TestNone(ProcessContract, base.BaseTestCase):
    launcher = 'none'

    def test_workers_without_network(self):
        driver = self.make_pool(pool_size=1)
        error = self.assertRaises(
            exception.PermanentError, driver.claim, self.RUNTIME,
            test_orchestrator.FUNCTION, test_orchestrator.OFFLINE)
        self.assertIn('cannot be without a network here', str(error))
