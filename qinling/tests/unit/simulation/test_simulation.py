# SPDX-License-Identifier: Apache-2.0
"""Short runs of the shipped code in the simulation.

``QINLING_SIMULATION_SEEDS`` is the number of seeds.
"""

import gc
import os
import pathlib
import re
import subprocess
import sys

from oslotest import base

from qinling.tests.simulation import database
from qinling.tests.simulation import run
from qinling.tests.simulation import workload

ROOT = pathlib.Path(__file__).parents[4]
SEEDS = int(os.environ.get('QINLING_SIMULATION_SEEDS', '60'))
#: A guard that many seeds miss.
GUARD = 'worker: a number of slots'
#: Tables with many rows, which nothing may read as a whole.
LARGE = ('daily_statistics', 'deliveries', 'execution_statistics',
         'executions', 'function_versions', 'functions', 'idempotency_keys',
         'job_fires')
#: Seeds that are enough by far to miss the guard.
MAX_SEEDS = 400


def simulate(*options):
    """Return the exit code and the output of the command."""
    process = subprocess.run(
        [sys.executable, str(ROOT / 'tools/simulate.py'), *options],
        capture_output=True, text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)})
    return process.returncode, process.stdout + process.stderr


class TestCommand(base.BaseTestCase):
    def test_seeds(self):
        code, text = simulate('--seeds', str(SEEDS))
        self.assertEqual(0, code, text)
        self.assertIn(f'0 of {SEEDS} seeds failed', text)

    def test_guard_that_is_not_missed(self):
        code, text = simulate('--guard', GUARD, '--seeds', '0')
        self.assertEqual(1, code, text)
        self.assertIn('not missed by 0 seeds', text)

    def test_replay_shrinks_a_failure(self):
        code, text = simulate('--guard', GUARD, '--seeds', str(MAX_SEEDS))
        self.assertEqual(0, code, text)
        seed = re.search(r'missed by seed (\d+)', text)[1]
        code, text = simulate('--guard', GUARD, '--seed', seed)
        self.assertEqual(1, code, text)
        self.assertRegex(text, r'limits: worker \S+ had \d+ executions')
        plan = workload.create_plan(int(seed))
        self.assertLess(text.count('\n  execute {'), len(plan.requests) + 1)


class TestSimulation(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        # A greenlet that ends later, in a parser of Python, confuses the
        # parser's count of recursions.
        self.addCleanup(gc.collect)
        self.simulation = run.Simulation()
        self.addCleanup(self.simulation.close)

    def test_plan_without_parts(self):
        plan = workload.create_plan(1)
        smaller = plan.without(requests=(0,), faults=(0,))
        self.assertEqual(plan.requests[1:], smaller.requests)
        self.assertEqual(plan.faults[1:], smaller.faults)

    def test_runs_end_and_leave_virtual_time_behind(self):
        report = self.simulation.run_seed(1)
        self.assertEqual([], report.violations)
        self.assertGreater(report.seconds, 20)
        self.assertGreater(report.steps, 100)

    def test_replay_is_exact(self):
        traces = [], []
        for trace in traces:
            self.simulation.run_seed(1, trace=trace)
        self.assertEqual(*traces)

    def test_no_statement_reads_a_large_table(self):
        # SQLite plans without a look at the data.
        trace = []
        for seed in range(3):
            self.simulation.run_seed(seed, trace=trace)
        statements = set(re.findall(
            r': ((?:SELECT|UPDATE|DELETE)\b.*)', '\0'.join(trace).replace(
                '\n', ' ').replace('\0', '\n')))
        self.assertGreater(len(statements), 40)
        plans = {
            f'{statement}: {row["detail"]}' for statement in statements
            for row in database.FILE.select(
                f'EXPLAIN QUERY PLAN {statement}',
                *[None] * statement.count('?'))}
        self.assertEqual([], [plan for plan in plans if re.search(
            rf': SCAN ({"|".join(LARGE)})\b', plan)])
