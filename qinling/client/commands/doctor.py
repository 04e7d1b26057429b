# SPDX-License-Identifier: Apache-2.0
"""Command that looks for problems of a server and of this machine."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from collections.abc import Iterator
import dataclasses
import itertools
import os
import shutil
import tempfile

from qinling.client.commands import base
from qinling.client.commands import colors
from qinling.client import exceptions
from qinling.client import units
from qinling import version

#: Seconds of difference that the header of an answer cannot show exactly.
MAX_SKEW_SECONDS = 2
#: Free bytes below which installations of dependencies may fail.
MIN_FREE_BYTES = 1 << 30
DAY = '24h'
MAX_ERRORS = 100
#: Seconds to wait for the first answer.
PING_SECONDS = 5
OK, NOTE, PROBLEM = 'ok', 'note', 'problem'


@dataclasses.dataclass(frozen=True)
class Finding:
    """Result of one check, with what to do."""

    kind: str
    subject: str
    text: str
    remedy: str = ''


class Doctor(base.Command):
    """Check the server, its runtimes, the clocks and this machine.

    The exit code is 1 if there is a problem.
    """

    def take_action(self, args: argparse.Namespace) -> int:
        """Print the findings."""
        style = colors.Style(self.app.stdout)
        paint: dict[str, Callable[[str], str]] = {
            OK: style.green, PROBLEM: style.red, NOTE: str}
        problems = 0
        for finding in self.examine():
            problems += finding.kind == PROBLEM
            word = paint[finding.kind](finding.kind.ljust(8))
            self.print_line(
                f'{word} {finding.subject:10} {finding.text}')
            if finding.remedy:
                self.print_line(f'{"":8} {"":10} {finding.remedy}')
        self.note('No problem was found.' if not problems else
                  f'Problems: {problems}.')
        return int(problems > 0)

    def examine(self) -> Iterator[Finding]:
        """Yield all findings; without a server, those of this machine."""
        checks: list[Callable[[], Iterator[Finding]]] = [
            self.check_server, self.check_release, self.check_rights,
            self.check_runtimes, self.check_errors]
        for check in checks:
            try:
                yield from check()
            except exceptions.Unreachable as e:
                yield Finding(
                    PROBLEM, 'server', str(e),
                    'Set QINLING_URL or --qinling-url to the URL of a Qinling '
                    'server.' if isinstance(e, exceptions.ForeignServer) else
                    'Start one with tools/quickstart.sh or '
                    'qinling-standalone, or set QINLING_URL.')
                break
            except exceptions.ClientError as e:
                yield Finding(PROBLEM, check.__name__.partition('_')[2],
                              exceptions.explain(e))
        yield from check_machine()

    def check_server(self) -> Iterator[Finding]:
        """Yield whether the server answers, and the difference of clocks."""
        seconds, skew = self.client.ping(PING_SECONDS)
        yield Finding(OK, 'server', f'It answers within {seconds * 1000:.0f} '
                                    'ms.')
        if skew is None:
            return
        if abs(skew) > MAX_SKEW_SECONDS:
            direction = 'ahead of' if skew > 0 else 'behind'
            yield Finding(
                PROBLEM, 'clock', f'The server is {abs(skew):.0f} s '
                f'{direction} this machine.',
                'Signed webhooks and schedules need right clocks: use NTP.')
        else:
            yield Finding(OK, 'clock', 'Server and this machine agree.')

    def check_release(self) -> Iterator[Finding]:
        """Yield the releases of server and client."""
        server = self.client.openapi()['info']['version']
        client = version.release()
        if server == client:
            yield Finding(OK, 'release', f'{server}')
        else:
            yield Finding(
                NOTE, 'release', f'The server is {server}, the client is '
                f'{client}.', 'Newer commands may not work.')

    def check_rights(self) -> Iterator[Finding]:
        """Yield whether the caller may read."""
        next(iter(self.client.functions.list(limit=1)), None)
        yield Finding(OK, 'rights', 'You may list functions.')

    def check_runtimes(self) -> Iterator[Finding]:
        """Yield the state and the free workers of each runtime."""
        rows = list(self.client.runtimes.list())
        if not rows:
            yield Finding(PROBLEM, 'runtimes', 'There are no runtimes.',
                          self.describe_command('runtime create --image '
                                                'python3 --name python3'))
        for row in rows:
            name = row['name'] or row['id']
            if row['status'] != 'available':
                yield Finding(
                    PROBLEM, 'runtime', f'{name} is {row["status"]}: '
                    f'{row.get("status_reason") or "no reason given"}',
                    self.describe_command(f'runtime show {row["id"]}'))
                continue
            yield self.check_pool(row['id'], name)

    def check_pool(self, id: str, name: str) -> Finding:
        """Return whether a runtime has free workers."""
        try:
            capacity = self.client.runtimes.get_pool(id)['capacity']
        except exceptions.HttpError as e:
            if e.status != 403:
                raise
            return Finding(OK, 'runtime', f'{name} is available.')
        text = (f'{name} has {capacity["available"]} free workers of '
                f'{capacity["total"]}.')
        return Finding(OK if capacity['available'] else NOTE, 'runtime', text)

    def check_errors(self) -> Iterator[Finding]:
        """Yield the executions that the platform failed within a day."""
        rows = list(itertools.islice(self.client.executions.list(
            limit=MAX_ERRORS, status='error', sort_key='created_at',
            sort_dir='desc',
            created_at=f'gte:{units.parse_moment(DAY)}'), MAX_ERRORS))
        if not rows:
            yield Finding(OK, 'platform', 'It failed no execution within a '
                                          'day.')
            return
        sign = '+' if len(rows) == MAX_ERRORS else ''
        yield Finding(
            NOTE, 'platform', f'It failed {len(rows)}{sign} executions '
            f'within a day, the last one as {rows[0].get("reason")}.',
            self.describe_command(f'execution show {rows[0]["id"]}'))


def check_machine() -> Iterator[Finding]:
    """Yield what the commands "dev" and "init" need on this machine."""
    if shutil.which('bwrap'):
        yield Finding(OK, 'sandbox', 'bubblewrap is installed.')
    else:
        yield Finding(
            NOTE, 'sandbox', 'bubblewrap is not installed.',
            'Install it for functions that run on this machine.')
    if not shutil.which('node'):
        yield Finding(NOTE, 'languages', 'Node.js is not installed.')
    directory = tempfile.gettempdir()
    status = os.statvfs(directory)
    free = status.f_bavail * status.f_frsize
    yield Finding(
        OK if free >= MIN_FREE_BYTES else PROBLEM, 'disk',
        f'{units.format_size(free)} are free in {directory}.')
