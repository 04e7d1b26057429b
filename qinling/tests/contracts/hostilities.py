# SPDX-License-Identifier: Apache-2.0
"""Workers with hostile functions, and checks from outside."""

import glob
import os
import threading

from qinling.orchestrators import base as orchestrators
from qinling.tests.contracts import process_drivers
from qinling.tests.functional import processes
from qinling.tests.unit.runtimes import agents

MIB = agents.MIB
REFUSED = {'EPERM', 'EACCES'}
HIDDEN = {'ENOENT'}


def package():
    """Return all hostile functions, with a ``main`` that dispatches by name.
    """
    files = {}
    for path in glob.glob(os.path.join(agents.FUNCTIONS, 'hostile_*.py')):
        with open(path, 'rb') as source:
            name = os.path.basename(path)
            files['main.py' if name == 'hostile_main.py' else name] = (
                source.read())
    return agents.zipped(files)


class Hostile(process_drivers.ProcessDriverMixin):
    """Worker with all hostile functions, shared until a test ends the worker.
    """

    def start(self, entry='main', cpu=1000, slots=2, memory_size=64 * MIB,
              **options):
        options.setdefault('processes', 64)
        options.setdefault('tmp_size', 8)
        options.setdefault('code_size', 8)
        self.driver = self.make_driver(**options)
        self.driver.ensure_pool(orchestrators.RuntimeSpec('r', 'python3'))
        self.worker, self.process, self.client = self.claim(
            entry if '.' in entry else 'hostile_alone.' + entry, cpu, slots,
            memory_size)

    def claim(self, entry='hostile_alone.main', cpu=1000, slots=2,
              memory_size=64 * MIB, archive=None):
        """Return a loaded worker, the process of the worker, and a client."""
        worker = self.driver.claim(
            'r', orchestrators.FunctionKey('f'),
            orchestrators.Limits(cpu, memory_size, slots))
        client = self.connect(worker)
        reply = client.load(archive or package(), entry=entry, slots=slots,
                            memory_size=memory_size)
        self.assertEqual(200, reply.status, reply.body)
        return worker, self.driver._claimed[worker.name][1], client

    def run_hostile(self, name, *args, **settings):
        return self.client.execute(name, *args, **settings)

    def output(self, name, *args, **settings):
        result = self.run_hostile(name, *args, **settings)
        self.assertEqual('success', result['status'], result)
        return result['output']

    def run_attempts(self, table):
        """Return the results of attempts: ``{label: (attempt, ...)}``."""
        result = self.client.execute(
            {label: entry[0] for label, entry in table.items()})
        self.assertEqual('success', result['status'], result)
        self.assertEqual(set(table), set(result['output']))
        return result['output']

    def check_refused(self, table):
        """Check that every attempt failed with an error of the entry."""
        self.assertEqual({}, {
            label: result for label, result in self.run_attempts(table).items()
            if not among(result, table[label][1])})

    def check_possible(self, table):
        """Check that attempts without isolation avoid the errors of the
        entries.

        So only the isolation causes the errors.
        """
        self.assertEqual({}, {
            label: result for label, result in self.run_attempts(table).items()
            if among(result, table[label][1])})

    def worker_pids(self):
        """Return the pids of all processes of the worker except the launcher.
        """
        directories = getattr(self.process.group, '_directories', {})
        if 'pids' not in directories:
            return processes.descendants(self.process._popen.pid)
        with open(os.path.join(directories['pids'], 'cgroup.procs')) as text:
            return [int(line) for line in text]

    def wait_until_idle(self, executors=1):
        """Check that only the agent and idle executors remain."""
        self.wait_until(lambda: len(self.worker_pids()) <= 1 + executors
                        and not any(map(is_running, self.worker_pids())))

    def start_thread(self, function, *args, **kwargs):
        """Return a thread with a running function, joined at clean-up."""
        results = []
        thread = threading.Thread(
            target=lambda: results.append(function(*args, **kwargs)))
        thread.start()
        self.addCleanup(thread.join)
        return thread, results


def among(result, errors):
    """Return whether an attempt failed with one of the errors."""
    return isinstance(result, str) and result in errors


def is_running(pid):
    """Return whether a process is on a processor or waits for a processor."""
    try:
        with open(f'/proc/{pid}/stat') as stat:
            return stat.read().rpartition(')')[2].split()[0] == 'R'
    except (FileNotFoundError, ProcessLookupError):
        return False
