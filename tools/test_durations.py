#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Durations of slow groups of tests, for the first run in a checkout.

stestr divides the tests among its processes by the durations of earlier runs.
Without any, processes end minutes apart::

    python tools/test_durations.py load functional | stestr load
    python tools/test_durations.py update functional <stream

``load`` prints a stream of subunit with one test of each slow group, which
takes as long as the group; a test of another name is ignored.  ``update``
reads the stream of a run, and rewrites the file with the durations.
"""

import argparse
import collections
import configparser
import datetime
import pathlib
import re
import sys
import typing

import subunit
import testtools

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILE = ROOT / 'tools/test_durations.txt'
HEADER = '# Stage, seconds of a group of tests, and a test of the group.\n'
MIN_SECONDS = 3
START = datetime.datetime.fromtimestamp(0, datetime.timezone.utc)

#: Seconds, and the slowest test with its seconds.
Group = list[typing.Any]


def read_file() -> list[list[str]]:
    """Return the words of each line."""
    return [line.split() for line in FILE.read_text().splitlines()
            if not line.startswith('#')]


def load(stage: str) -> None:
    """Print a stream with the durations of a stage."""
    result = subunit.StreamResultToBytes(sys.stdout.buffer)
    for name, seconds, test in read_file():
        if name != stage:
            continue
        result.status(test_id=test, test_status='inprogress', timestamp=START)
        result.status(
            test_id=test, test_status='success',
            timestamp=START + datetime.timedelta(seconds=float(seconds)))


def update(stage: str) -> None:
    """Replace the durations of a stage by those of a stream."""
    conf = configparser.ConfigParser()
    conf.read(ROOT / '.stestr.conf')
    group_regex = re.compile(conf['DEFAULT']['group_regex'])
    groups: dict[str, Group] = collections.defaultdict(lambda: [0.0, 0.0, ''])

    def add(test: typing.Any) -> None:
        start, end = test['timestamps']
        match = group_regex.match(test['id'])
        if match is None or start is None or end is None:
            return
        seconds = (end - start).total_seconds()
        group = groups[match[0]]
        group[0] += seconds
        group[1:] = max(group[1:], [seconds, test['id']])
    result = testtools.StreamToDict(add)
    result.startTestRun()
    subunit.ByteStreamToStreamResult(sys.stdin.buffer).run(result)
    result.stopTestRun()
    lines = [(stage, str(round(seconds)), test)
             for seconds, _, test in groups.values()
             if seconds >= MIN_SECONDS]
    lines += [(name, seconds, test) for name, seconds, test in read_file()
              if name != stage]
    lines.sort(key=lambda line: (line[0], -int(line[1]), line[2]))
    FILE.write_text(HEADER + ''.join(
        f'{" ".join(line)}\n' for line in lines))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('command', choices=('load', 'update'))
    parser.add_argument('stage', help='stage of tools/run_tests.sh')
    options = parser.parse_args()
    {'load': load, 'update': update}[options.command](options.stage)


if __name__ == '__main__':
    main()
