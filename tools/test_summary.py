# SPDX-License-Identifier: Apache-2.0
"""Sums up the stages of a test run; the last line is the sum.

Counts what is in the subunit streams, not what a runner printed.  A stage
whose runner failed, or in which nothing ran, counts as one failure, so that a
broken import is never taken for success.
"""

import argparse
import collections
import sys

import subunit
import testtools

#: How a test that was begun may have ended.
OUTCOMES = {'success': 'passed', 'xfail': 'passed', 'skip': 'skipped'}

Stage = collections.namedtuple('Stage', 'name code stream')


class Results(testtools.StreamResult):
    """What became of each test of one stream.

    ``ended`` maps the id of a test to its last status; one that was begun
    and never ended keeps ``inprogress``.
    """

    def __init__(self):
        super().__init__()
        self.ended = {}
        self._reasons = collections.defaultdict(bytes)

    def status(self, test_id=None, test_status=None, file_name=None,
               file_bytes=None, **_):
        """Called by subunit for each packet."""
        if test_id is None:
            return
        if test_status not in (None, 'exists'):
            self.ended[test_id] = test_status
        if file_name == 'reason':
            self._reasons[test_id] += bytes(file_bytes)

    def reason(self, test_id):
        """Why a test was skipped."""
        text = self._reasons[test_id].decode(errors='replace')
        return ' '.join(text.split()) or 'no reason given'

    def by_outcome(self, outcome):
        """Ids of the tests that passed, failed or were skipped."""
        return sorted(test_id for test_id, status in self.ended.items()
                      if OUTCOMES.get(status, 'failed') == outcome)


def read(path):
    """The results of one stream; what is not subunit is ignored."""
    results = Results()
    with open(path, 'rb') as stream:
        subunit.ByteStreamToStreamResult(
            stream, non_subunit_name='stdout').run(results)
    return results


def trouble(stage, results, filtered):
    """A sentence on a stage that went wrong as a whole, or nothing."""
    if results.by_outcome('failed'):
        return None
    if not results.ended:
        # With a filter stestr ends with 1 where no test matches.
        if filtered and stage.code in (0, 1):
            return None
        return f'{stage.name}: no test ran (stestr ended with {stage.code})'
    if stage.code:
        return (f'{stage.name}: stestr ended with {stage.code}, though no '
                'test failed')
    return None


def _list(title, lines):
    if lines:
        print(f'\n{title} ({len(lines)}):')
        for line in lines:
            print(f'  {line}')


def summarise(stages, failed_checks=(), filtered=False):
    """Print the lists and the sum; returns the exit code."""
    passed, skipped, failed = 0, [], [f'pep8: {c}' for c in failed_checks]
    for stage in stages:
        results = read(stage.stream)
        passed += len(results.by_outcome('passed'))
        failed += [f'{stage.name}: {test_id}'
                   for test_id in results.by_outcome('failed')]
        skipped += [f'{test_id}: {results.reason(test_id)}'
                    for test_id in results.by_outcome('skipped')]
        if sentence := trouble(stage, results, filtered):
            failed.append(sentence)
    if filtered and not (passed or skipped or failed):
        failed.append('no test matches')
    _list('Skipped', skipped)
    _list('Failed', failed)
    print(f'\n{passed} passed, {len(failed)} failed, {len(skipped)} skipped')
    return 1 if failed else 0


def _stage(text):
    name, code, stream = text.split(':', 2)
    return Stage(name, int(code), stream)


def main(words):
    """Read the command line and sum up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--filtered', action='store_true',
                        help='stages in which no test matches are all right')
    parser.add_argument('--failed-check', action='append', default=[],
                        metavar='NAME', help='a check that failed')
    parser.add_argument('stages', nargs='*', type=_stage,
                        metavar='NAME:CODE:FILE',
                        help='a stage, the exit code of its runner and its '
                             'subunit stream')
    args = parser.parse_args(words)
    return summarise(args.stages, args.failed_check, args.filtered)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
