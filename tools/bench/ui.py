#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""First page and lists of the web interface, with many functions and rows.

Fills the database of a new server, then opens the web interface in Chromium::

    python tools/bench/ui.py [--rows 1000000] [--functions 1000]

Prints the milliseconds until the first row of the functions and of the
executions is on the page, with an empty cache and again, the bytes over the
wire, and the milliseconds between two pictures while a list scrolls through
10,000 rows.
"""

import argparse
import datetime
import pathlib
import statistics
import tempfile
import typing

import lists
import service
import sqlalchemy as sa
import stats

from qinling import conf as qinling_conf
from qinling.db import migration
from qinling.db import models
from qinling.db import session
from qinling.tests.functional import browsers

#: Project of callers without authentication.
PROJECT = 'default'
#: Script of a page that tells the time of the first row.
TELL_ROW = """
new MutationObserver((_, observer) => {
  if (document.querySelector('a.row-link')) {
    observer.disconnect();
    requestAnimationFrame(() => console.info('row', performance.now()));
  }
}).observe(document, { childList: true, subtree: true });
"""
#: Load pages until the list has this many rows.
LOAD_ROWS = """async (count) => {
  const box = document.querySelector('div.table');
  const rows = () => Number(
    box.querySelector('table').getAttribute('aria-rowcount'));
  while (rows() < count) {
    box.scrollTop = box.scrollHeight;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return rows();
}"""
#: Scroll through all rows, and return the times between two pictures.
SCROLL = """async (step) => {
  const box = document.querySelector('div.table');
  const times = [];
  let last = null;
  const picture = () => new Promise(requestAnimationFrame);
  for (let top = 0; top < box.scrollHeight; top += step) {
    box.scrollTop = top;
    const now = await picture();
    if (last !== null) times.push(now - last);
    last = now;
  }
  return times;
}"""
#: Pixels of a step while scrolling: some seven rows.
STEP = 300
SCROLLED_ROWS = 10000


def fill(db: session.Database, functions: int, rows: int) -> None:
    """Write functions, executions that have ended, and statistics."""
    lists.PROJECT = PROJECT
    lists.END = datetime.datetime.now(datetime.UTC).replace(
        minute=0, second=0, microsecond=0, tzinfo=None)
    lists.fill(db, rows)
    stats.fill(db, rows)
    function: typing.Any = models.Function.__table__
    executions = lists.TABLE
    with db.engine.begin() as connection:
        connection.execute(sa.update(executions).where(
            executions.c.status == 'running').values(
                status='success', duration=1.0, lease_until=None,
                updated_at=executions.c.started_at))
        first = connection.execute(sa.select(function).limit(1)).mappings()
        values = dict(first.one())
        filled = connection.execute(
            sa.select(sa.func.count()).select_from(function)).scalar_one()
        for number in range(filled):
            connection.execute(sa.update(function).where(
                function.c.id == lists.create_id(number)).values(
                    name=f'function-{number}'))
        connection.execute(sa.insert(function), [
            {**values, 'id': lists.create_id(number),
             'name': f'function-{number}'}
            for number in range(filled, functions)])
    stats.add_up_days(db)


class Views:
    """Views of a server in a browser."""

    def __init__(self, url: str, rounds: int) -> None:
        self._url = url
        self._rounds = rounds
        self._chromium = browsers.Browser().chromium

    def measure(self, route: str) -> None:
        """Print times and bytes of a view."""
        first, again, sizes = [], [], []
        for _ in range(self._rounds):
            context = self._chromium.new_context()
            page = context.new_page()
            page.add_init_script(TELL_ROW)
            wire = context.new_cdp_session(page)
            wire.send('Network.enable')
            received: list[int] = []
            wire.on('Network.loadingFinished', lambda event: received.append(
                event['encodedDataLength']))
            first.append(self._open(page, f'{self._url}/ui/#/{route}'))
            page.wait_for_load_state('networkidle')
            sizes.append(sum(received))
            again.append(self._open(page))
            context.close()
        print(f'{route:12} first {show(first)}, again {show(again)}, '
              f'{statistics.median(sizes) / 1000:.0f} kB', flush=True)

    def _open(self, page: typing.Any, url: str | None = None) -> float:
        """Return the milliseconds; other calls would disturb the page."""
        with page.expect_console_message(
                lambda item: item.text.startswith('row ')) as message:
            if url:
                page.goto(url, wait_until='commit')
            else:
                page.reload(wait_until='commit')
        return float(message.value.text.split()[1])

    def scroll(self, count: int) -> None:
        """Print how smoothly a long list scrolls."""
        page = self._chromium.new_page()
        page.goto(f'{self._url}/ui/#/executions')
        page.wait_for_selector('a.row-link')
        page.set_default_timeout(0)
        rows = page.evaluate(LOAD_ROWS, count)
        times = sorted(page.evaluate(SCROLL, STEP))
        slow = sum(time > 50 for time in times)
        print(f'scroll       {rows} rows, {len(times)} pictures: '
              f'{show(times)}, {slow} of more than 50 ms')


def show(times: list[float]) -> str:
    """Return median, 95th percentile and maximum of milliseconds."""
    ordered = sorted(times)
    return (f'p50 {statistics.median(ordered):.0f}, p95 '
            f'{ordered[int(len(ordered) * 0.95)]:.0f}, '
            f'max {ordered[-1]:.0f} ms')


def main() -> None:
    """Fill the database and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--rows', type=int, default=1000000)
    parser.add_argument('--functions', type=int, default=1000)
    parser.add_argument('--rounds', type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        url = f'sqlite:///{pathlib.Path(directory, "bench.db")}'
        conf = qinling_conf.load([], [])
        conf.set_override('connection', url, group='database')
        db = session.Database(conf, patient=True)
        migration.upgrade(db)
        fill(db, options.functions, options.rows)
        db.close()
        with service.run_server(
                f'[database]\nconnection = {url}\n') as server:
            views = Views(server.url, options.rounds)
            for route in ('functions', 'executions'):
                views.measure(route)
            views.scroll(SCROLLED_ROWS)


if __name__ == '__main__':
    main()
