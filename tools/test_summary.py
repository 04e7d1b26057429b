# SPDX-License-Identifier: Apache-2.0
"""Sum up the stages of a test run; the last line is the sum.

The counts come from the subunit streams, not from the output of a runner.  A
stage whose runner failed, or that ran no test, counts as one failure, so a
broken import never passes for success.
"""

import argparse
import collections
from collections.abc import Iterable
from collections.abc import Sequence
import datetime
import pathlib
import sys
import typing

import subunit
import testtools

#: Last status of a test -> outcome.
OUTCOMES = {'success': 'passed', 'xfail': 'passed', 'skip': 'skipped'}
#: Tests to name at the end, slowest first.
SLOWEST = 10


class Stage(typing.NamedTuple):
    """Name of a stage, exit code of its runner, path of its stream."""

    name: str
    code: int
    stream: str


class Results(testtools.StreamResult):
    """Results of one stream.

    ``statuses`` has the last status of each test by id; an interrupted test
    has ``inprogress``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.statuses: dict[str, str] = {}
        self._reasons: dict[str, bytes] = collections.defaultdict(bytes)
        self._started: dict[str, datetime.datetime] = {}
        self.seconds: dict[str, float] = {}

    def status(self, *args: typing.Any, **packet: typing.Any) -> None:
        """Handle one packet of subunit, which has keyword arguments."""
        test_id = packet.get('test_id')
        if test_id is None:
            return
        test_status = packet.get('test_status')
        if test_status not in (None, 'exists'):
            self.statuses[test_id] = str(test_status)
            self._measure(test_id, test_status, packet.get('timestamp'))
        if packet.get('file_name') == 'reason':
            self._reasons[test_id] += bytes(packet['file_bytes'] or b'')

    def _measure(self, test_id: str, test_status: str | None,
                 timestamp: datetime.datetime | None) -> None:
        if timestamp is None:
            return
        if test_status == 'inprogress':
            self._started[test_id] = timestamp
        elif test_id in self._started:
            self.seconds[test_id] = (
                timestamp - self._started[test_id]).total_seconds()

    def reason(self, test_id: str) -> str:
        """Return the reason of a skipped test."""
        text = self._reasons[test_id].decode(errors='replace')
        return ' '.join(text.split()) or 'no reason given'

    def with_outcome(self, outcome: str) -> list[str]:
        """Return the ids of the tests that passed, failed or skipped."""
        return sorted(test_id for test_id, status in self.statuses.items()
                      if OUTCOMES.get(status, 'failed') == outcome)


def read(path: str) -> Results:
    """Return the results of one stream, ignoring other output."""
    results = Results()
    with open(path, 'rb') as stream:
        subunit.ByteStreamToStreamResult(
            stream, non_subunit_name='stdout').run(results)
    return results


def stage_error(stage: Stage, results: Results, is_filtered: bool
                ) -> str | None:
    """Return a sentence about a stage that failed as a whole."""
    if results.with_outcome('failed'):
        return None
    if not results.statuses:
        # With a filter stestr exits with 1 when no test matches.
        if is_filtered and stage.code in (0, 1):
            return None
        return f'{stage.name}: no test ran (stestr ended with {stage.code})'
    if stage.code:
        return (f'{stage.name}: stestr ended with {stage.code}, though no '
                'test failed')
    return None


def _print_list(title: str, lines: Sequence[str]) -> None:
    if lines:
        print(f'\n{title} ({len(lines)}):')
        for line in lines:
            print(f'  {line}')


def _slowest(seconds: dict[str, float]) -> Sequence[str]:
    ids = sorted(seconds, key=lambda id: seconds[id], reverse=True)
    return [f'{seconds[id]:7.1f} s  {id}' for id in ids[:SLOWEST]]


def _write_failed(directory: str | None, stage: Stage, results: Results
                  ) -> None:
    """Write the ids of failed tests for ``run_tests.sh --failed``."""
    if directory is not None:
        pathlib.Path(directory, stage.name).write_text(''.join(
            f'{test_id}\n' for test_id in results.with_outcome('failed')))


def summarise(stages: Iterable[Stage], checks: Sequence[tuple[str, int]] = (),
              is_filtered: bool = False, directory: str | None = None) -> int:
    """Print the lists and the sum; return the exit code.

    :param checks: name and exit code of each check of the stage pep8.
    :param directory: directory for the ids of failed tests.
    """
    passed = sum(not code for _, code in checks)
    failed = [f'pep8: {name}' for name, code in checks if code]
    skipped: list[str] = []
    seconds: dict[str, float] = {}
    for stage in stages:
        results = read(stage.stream)
        _write_failed(directory, stage, results)
        seconds.update(results.seconds)
        passed += len(results.with_outcome('passed'))
        failed += [f'{stage.name}: {test_id}'
                   for test_id in results.with_outcome('failed')]
        skipped += [f'{test_id}: {results.reason(test_id)}'
                    for test_id in results.with_outcome('skipped')]
        if sentence := stage_error(stage, results, is_filtered):
            failed.append(sentence)
    if is_filtered and not (passed or skipped or failed):
        failed.append('no test matches')
    _print_list('Skipped', skipped)
    _print_list('Slowest', _slowest(seconds))
    _print_list('Failed', failed)
    print(f'\n{passed} passed, {len(failed)} failed, {len(skipped)} skipped')
    return 1 if failed else 0


def _parse_stage(text: str) -> Stage:
    name, code, stream = text.split(':', 2)
    return Stage(name, int(code), stream)


def _parse_check(text: str) -> tuple[str, int]:
    name, _, code = text.rpartition(':')
    return name, int(code)


def main(arguments: Sequence[str]) -> int:
    """Parse the command line and sum up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--filtered', action='store_true',
                        help='accept stages without a matching test')
    parser.add_argument('--check', action='append', default=[],
                        type=_parse_check, metavar='NAME:CODE',
                        help='a check and its exit code')
    parser.add_argument('--failed-directory', metavar='DIR',
                        help='directory for the ids of failed tests')
    parser.add_argument('stages', nargs='*', type=_parse_stage,
                        metavar='NAME:CODE:FILE',
                        help='a stage, the exit code of its runner and its '
                             'subunit stream')
    args = parser.parse_args(arguments)
    return summarise(args.stages, args.check, args.filtered,
                     args.failed_directory)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
