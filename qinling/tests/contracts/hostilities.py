# SPDX-License-Identifier: Apache-2.0
"""Workers with hostile functions, and what is seen of them from outside."""

import glob
import os
import threading

from qinling.orchestrators import base as orchestrators
from qinling.tests.contracts import process_drivers
from qinling.tests.functional import processes
from qinling.tests.unit.runtimes import agents

MIB = agents.MIB
CONSUMPTION = ('Function execution failed because of too much resource '
               'consumption: ')
TIMEOUT = 'Function execution timeout.'
REFUSED = {'EPERM', 'EACCES'}
HIDDEN = {'ENOENT'}


def package():
    """All hostile functions, and ``main`` that finds them by name."""
    files = {}
    for path in glob.glob(os.path.join(agents.FUNCTIONS, 'hostile_*.py')):
        with open(path, 'rb') as source:
            name = os.path.basename(path)
            files['main.py' if name == 'hostile_main.py' else name] = (
                source.read())
    return agents.zipped(files)


class Hostile(process_drivers.ProcessDriverMixin):
    """A worker that has all hostile functions, kept until one ends it."""

    def start(self, entry='main', cpu=1000, slots=2, memory_size=64 * MIB,
              **options):
        options.setdefault('processes', 64)
        options.setdefault('tmp_size', 8)
        options.setdefault('code_size', 8)
        self.driver = self.make_driver(**options)
        self.driver.ensure_pool(orchestrators.RuntimeSpec('r', 'python3'))
        self.worker, self.process, self.client = self.claim(
            'main.' + entry, cpu, slots, memory_size)

    def claim(self, entry='main.main', cpu=1000, slots=2,
              memory_size=64 * MIB, archive=None):
        """A loaded worker, its process, and a client for it."""
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

    def got(self, table):
        """What came of attempts: ``{label: (attempt, ...)}``."""
        result = self.client.execute(
            {label: entry[0] for label, entry in table.items()})
        self.assertEqual('success', result['status'], result)
        self.assertEqual(set(table), set(result['output']))
        return result['output']

    def check_refused(self, table):
        """Every attempt got one of the errors that its entry allows."""
        self.assertEqual({}, {
            label: result for label, result in self.got(table).items()
            if not among(result, table[label][1])})

    def check_possible(self, table):
        """Without isolation no attempt gets such an error: what refuses it
        otherwise is the isolation."""
        self.assertEqual({}, {
            label: result for label, result in self.got(table).items()
            if among(result, table[label][1])})

    def inside(self):
        """The pids of all processes of the worker but its launcher."""
        directories = getattr(self.process.group, '_directories', {})
        if 'pids' not in directories:
            return processes.descendants(self.process._popen.pid)
        with open(os.path.join(directories['pids'], 'cgroup.procs')) as text:
            return [int(line) for line in text]

    def check_calm(self, executors=1):
        """The agent and idle executors are left, and nobody works."""
        self.wait_until(lambda: len(self.inside()) <= 1 + executors
                        and not any(map(works, self.inside())))

    def in_background(self, function, *args, **kwargs):
        """A thread that runs a function; its end is waited for."""
        results = []
        thread = threading.Thread(
            target=lambda: results.append(function(*args, **kwargs)))
        thread.start()
        self.addCleanup(thread.join)
        return thread, results


def among(result, errors):
    """Whether an attempt got one of some errors."""
    return isinstance(result, str) and result in errors


def works(pid):
    """Whether a process is on a processor or waits for one."""
    try:
        with open(f'/proc/{pid}/stat') as stat:
            return stat.read().rpartition(')')[2].split()[0] == 'R'
    except (FileNotFoundError, ProcessLookupError):
        return False
