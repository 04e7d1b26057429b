# SPDX-License-Identifier: Apache-2.0
"""Command that passes the deliveries to a webhook on to this machine."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
import datetime
import itertools
import time
import typing

from qinling.client.commands import base
from qinling.client.commands import json_lines
from qinling.client.commands import options
from qinling.client.commands import webhooks
from qinling.client import exceptions
from qinling.client import raw_http
from qinling.client import units

#: Seconds between two polls: after a delivery, and in a silence.
POLL_SECONDS = (0.2, 1.0)
#: Deliveries before the start whose ids are remembered.
START_LIMIT = 100
#: Seconds by which a delivery may appear after a later one.
LATE_SECONDS = 5
MASK = '***'


class Listen(webhooks.Webhook, base.Addressed):
    """Print new deliveries until an interrupt (Ctrl-C), and pass them on.

    The server needs no way to this machine. Only accepted deliveries are
    passed on; replays of a user, too.
    """

    arguments = (
        options.Exclusive(
            options.Argument('--forward', metavar='URL',
                             help='Send the same request to this URL, such '
                                  'as http://127.0.0.1:8000/hook.'),
            options.Argument('--function', metavar='FUNCTION',
                             help='Run the latest code of this function with '
                                  'the same request.')),
        options.Argument('--count', type=options.parse_positive, metavar='N',
                         help='End after N deliveries.'),
        json_lines.OPTION)

    def take_action(self, args: argparse.Namespace) -> None:
        if args.forward:
            raw_http.check_url(args.forward)
        id, = self.locate(args)
        function = args.function and self.client.functions.find_id(
            args.function)
        feed = Feed(self, str(id))
        feed.start()
        self.note(f'Listening to webhook {args.webhook}; press Ctrl-C to '
                  'end.')
        rows: Iterator[base.Row] = iter(feed)
        if function:
            # The replay itself is a delivery, too.
            rows = (row for row in rows if not row['replay_of'])
        for row in itertools.islice(rows, args.count):
            result = None
            if row['status'] == 'accepted':
                result = self.pass_on(row, args.forward, function)
            self.print_line(json_lines.encode(dict(row, result=result))
                            if args.formatter else _describe(row, result))
            self.app.stdout.flush()

    def pass_on(self, row: base.Row, url: str | None, function: str | None
                ) -> str | None:
        """Send a delivery to the URL or to the function.

        :returns: the result, ``None`` if there is neither.
        """
        start = time.monotonic()
        try:
            if function:
                replay = self.client.deliveries.replay(
                    row['webhook_id'], row['id'], function_id=function)
                execution = self.client.executions.wait(
                    replay['execution_id'])
                result = f'{execution["status"]} {execution["id"]}'
            elif url:
                result = str(self.forward(row, url).status)
            else:
                return None
        except exceptions.ClientError as e:
            return exceptions.explain(e)
        seconds = time.monotonic() - start
        return f'{result} {units.format_duration(seconds)}'

    def forward(self, row: base.Row, url: str) -> raw_http.Answer:
        """Send the bytes and headers of a delivery to a URL.

        Masked headers are left out.
        """
        body = self.client.deliveries.get_body(row['webhook_id'], row['id'])
        parts = raw_http.check_url(url)
        query = '&'.join(filter(None, (parts.query, row['query'])))
        target = parts._replace(
            path=parts.path.rstrip('/') + row['path'], query=query).geturl()
        return raw_http.send(row['method'], target, [
            (name, value) for name, value in row['headers']
            if value != MASK], body)


class Feed:
    """Iterator of the new deliveries to a webhook, each of them once."""

    def __init__(self, command: base.Command, webhook: str) -> None:
        self._command = command
        self._webhook = webhook
        #: Id -> time of each delivery that is not new.
        self._known: dict[str, datetime.datetime] = {}
        self._latest = datetime.datetime.min.replace(year=2000)
        self._is_silent = False

    def start(self) -> None:
        """Remember the present deliveries."""
        for row in itertools.islice(self._list(
                sort_dir='desc', limit=START_LIMIT), START_LIMIT):
            self._remember(row)

    def __iter__(self) -> Iterator[base.Row]:
        while True:
            rows = [row for row in self._poll()
                    if row['id'] not in self._known]
            for row in rows:
                self._remember(row)
                yield row
            time.sleep(POLL_SECONDS[not rows])

    def _poll(self) -> list[base.Row]:
        """Return the recent deliveries; an unreachable server has none."""
        late = self._latest - datetime.timedelta(seconds=LATE_SECONDS)
        self._known = {id: at for id, at in self._known.items()
                       if at >= late}
        try:
            rows = list(self._list(created_at=f'gte:{late.isoformat()}'))
        except exceptions.Unreachable as e:
            if not self._is_silent:
                self._command.note(f'{e} Waiting for the server.')
            self._is_silent = True
            return []
        self._is_silent = False
        return rows

    def _list(self, **query: typing.Any) -> Iterator[base.Row]:
        return self._command.client.deliveries.list_of(self._webhook, **query)

    def _remember(self, row: base.Row) -> None:
        at = datetime.datetime.fromisoformat(
            row['created_at'].removesuffix('Z'))
        self._known[row['id']] = at
        self._latest = max(self._latest, at)


def _describe(row: base.Row, result: str | None) -> str:
    """Return lines about a delivery and the result."""
    words = [row['created_at'], row['id'], row['method'], row['path'] or '/',
             row['status'], row['signature'],
             units.format_size(row['size'] or 0), row['reason']]
    text = '  '.join(filter(None, words))
    return text if result is None else f'{text}\n  -> {result}'
