#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the shipped code in a simulation with faults.

Each seed decides a deployment, requests, faults and the order of all
threads::

    python tools/simulate.py --seeds 2000
    python tools/simulate.py --seed 4711
    python tools/simulate.py --guard 'fence: only the owner ends'

``--seed`` repeats a run exactly, shrinks a run that fails, and prints the
trace of the smallest one.  ``--guard`` leaves a guard of the code out, and
``--guards`` one after the other: some seed must fail.  The exit code is 1 if
an invariant is broken, or if a guard is not missed.
"""

import argparse
from collections.abc import Iterator
import itertools
import multiprocessing
import os
import pathlib
import sys
import tempfile
import time
import typing

sys.path[:0] = [str(pathlib.Path(__file__).parents[1])]

from qinling.tests.simulation import guards  # noqa: E402
from qinling.tests.simulation import run  # noqa: E402
from qinling.tests.simulation import workload  # noqa: E402

#: Seeds of one task of a process.
CHUNK_SEEDS = 20
#: Seeds between two lines of progress.
PROGRESS_SEEDS = 1000
MAX_FAILURES = 20
#: Functions of a process run with the one simulation of the process.
_SIMULATIONS: list[run.Simulation] = []

Failure = tuple[int, list[str]]


def main() -> int:
    """Run the command; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seeds', type=int, default=2000,
                        help='number of seeds')
    parser.add_argument('--start', type=int, default=0, help='first seed')
    parser.add_argument('--seed', type=int, help='the only seed')
    parser.add_argument('--guard', choices=guards.GUARDS, metavar='NAME',
                        help='guard to leave out; one of: '
                             + '; '.join(guards.GUARDS))
    parser.add_argument('--guards', action='store_true',
                        help='leave each guard out')
    parser.add_argument('--processes', type=int, default=os.cpu_count(),
                        help='processes that run seeds')
    options = parser.parse_args()
    # The order of sets of texts must be the same in each process.
    if os.environ.get('PYTHONHASHSEED') != '0':
        os.execve(sys.executable, [sys.executable, *sys.argv],
                  {**os.environ, 'PYTHONHASHSEED': '0'})
    if options.seed is not None:
        return replay(options.seed, options.guard)
    if options.guards:
        return max([search(options, name) for name in guards.GUARDS])
    if options.guard:
        return search(options, options.guard)
    return check(options)


def check(options: argparse.Namespace) -> int:
    """Run seeds; return 1 if any fails."""
    failures: list[Failure] = []
    start = time.monotonic()
    for count, failed in enumerate(_run_all(options, None), 1):
        failures += failed
        for seed, sentences in failed:
            print(f'Seed {seed}: {"; ".join(sentences)}', flush=True)
        if count * CHUNK_SEEDS % PROGRESS_SEEDS == 0:
            print(f'{count * CHUNK_SEEDS} seeds, {len(failures)} failures, '
                  f'{time.monotonic() - start:.0f} s', flush=True)
        if len(failures) >= MAX_FAILURES:
            break
    print(f'{len(failures)} of {options.seeds} seeds failed in '
          f'{time.monotonic() - start:.0f} s.')
    return bool(failures)


def search(options: argparse.Namespace, guard: str) -> int:
    """Return 1 if no seed misses a guard."""
    for failed in _run_all(options, guard):
        for seed, sentences in failed:
            print(f'{guard}: missed by seed {seed}: {sentences[0]}',
                  flush=True)
            return 0
    print(f'{guard}: not missed by {options.seeds} seeds', flush=True)
    return 1


def replay(seed: int, guard: str | None) -> int:
    """Run one seed, shrink a failure, and print the trace."""
    simulation = run.Simulation()
    plan = workload.create_plan(seed)
    report = simulation.run(seed, plan, guard)
    if report.violations:
        plan = run.shrink(simulation, seed, plan, guard)
    trace: list[str] = []
    report = simulation.run(seed, plan, guard, trace)
    simulation.close()
    print('\n'.join(trace))
    print(plan.setup)
    print('\n'.join(f'  {item}' for item in (*plan.requests, *plan.faults)))
    print(f'{report.steps} steps, {report.seconds:.0f} s of virtual time')
    print('\n'.join(report.violations) or 'No invariant is broken.')
    return bool(report.violations)


def _run_all(options: argparse.Namespace, guard: str | None
             ) -> Iterator[list[Failure]]:
    """Yield the failures of each chunk of seeds."""
    end = options.start + options.seeds
    # The processes of a pool end without a chance to delete their databases.
    with run.create_directory() as directory:
        chunks = [(range(start, min(end, start + CHUNK_SEEDS)), guard,
                   directory)
                  for start in range(options.start, end, CHUNK_SEEDS)]
        with multiprocessing.Pool(options.processes) as pool:
            yield from pool.imap(_run_chunk, chunks)


def _run_chunk(task: tuple[typing.Iterable[int], str | None, str]
               ) -> list[Failure]:
    seeds, guard, directory = task
    if not _SIMULATIONS:
        _SIMULATIONS.append(run.Simulation(tempfile.mkdtemp(dir=directory)))
    reports = (_SIMULATIONS[0].run_seed(seed, guard) for seed in seeds)
    failures = ((report.seed, report.violations) for report in reports
                if report.violations)
    return list(itertools.islice(failures, 1) if guard else failures)


if __name__ == '__main__':
    sys.exit(main())
