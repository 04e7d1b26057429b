# SPDX-License-Identifier: Apache-2.0
"""Fire times, compared with croniter and APScheduler.

The libraries interpret clock changes in different ways.  Where both agree,
the service must agree with both, unless :func:`is_debian` explains the
difference.  Run the module as a program to compare all changes of the clock
in all time zones within five years.
"""

import collections
import datetime
import itertools
import random
import sys
import warnings
import zoneinfo

from apscheduler.triggers import cron
import croniter
import fixtures
from oslotest import base

from qinling.core.trigger import patterns
from qinling.core.trigger import zones as zones_module

UTC = datetime.timezone.utc
FIRST = datetime.datetime(2026, 1, 1, tzinfo=UTC)
YEARS = 5
DAY = datetime.timedelta(days=1)
RANDOM = random.Random(2026)
#: Pattern of the service -> of croniter, and fields of APScheduler.
PATTERNS = {
    '30 2 * * *': None, '0,30 1-3 * * *': None, '15 0 * * *': None,
    '0 3 * * *': None, '*/15 * * * *': None, '0 * * * *': None,
    '0 */6 * * *': None, '@daily': '0 0 * * *', '@hourly': '0 * * * *',
    'every 20 minutes': '*/20 * * * *', 'every 8 hours': '0 */8 * * *',
    '59 23 L * *': '59 23 L * *', '0 12 * * FRI#3': '0 12 * * FRI#3',
    '0 12 * * 5L': '0 12 * * L5', '0 9 * * MON-FRI': '0 9 * * MON-FRI',
    '0 9 * * sat-sun': '0 9 * * SAT,SUN',
    '10 22-2 * * *': '10 22,23,0,1,2 * * *',
    '0 6 * NOV-FEB *': '0 6 * 11,12,1,2 *'}
#: Days that APScheduler writes in another way.
DAYS = {'L': {'day': 'last'}}
WEEKDAYS = {'FRI#3': {'day': '3rd fri'}, 'L5': {'day': 'last fri'}}


def list_zones():
    """Return the zones, one of those with the same changes of the clock."""
    zones = {}
    for name in sorted(zoneinfo.available_timezones()):
        if zones_module._NO_ZONES.fullmatch(name) or name == 'Factory':
            continue
        zone = zoneinfo.ZoneInfo(name)
        zones.setdefault((FIRST.astimezone(zone).utcoffset(),
                          tuple(list_changes(zone))), name)
    return list(zones.values())


def list_changes(zone):
    """Return the days with a change of the clock, in UTC."""
    days = [FIRST + DAY * number for number in range(366 * YEARS)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    return [day for day, before, after in zip(days, offsets, offsets[1:])
            if before != after]


def read_service(pattern, name, start, end):
    """Return the fire times by the service."""
    time, times = start.replace(tzinfo=None), []
    while (time := patterns.next_fire_time(pattern, name, time)) is not None:
        if time > end.replace(tzinfo=None):
            break
        times.append(time.replace(tzinfo=UTC))
    return times


def read_croniter(pattern, name, start, end):
    """Return the fire times by croniter."""
    times = croniter.croniter(
        pattern, start.astimezone(zoneinfo.ZoneInfo(name)))
    return list(itertools.takewhile(lambda time: time <= end, (
        times.get_next(datetime.datetime).astimezone(UTC)
        for _ in itertools.count())))


def read_apscheduler(pattern, name, start, end):
    """Return the fire times by APScheduler."""
    minute, hour, day, month, weekday = pattern.split()
    fields = {'minute': minute, 'hour': hour, 'month': month,
              'day': day, 'day_of_week': weekday}
    fields.update(DAYS.get(day, {}))
    if weekday in WEEKDAYS:
        fields.update(WEEKDAYS[weekday], day_of_week='*')
    trigger = cron.CronTrigger(timezone=zoneinfo.ZoneInfo(name), **fields)
    now, previous, times = start + datetime.timedelta(seconds=1), None, []
    while (time := trigger.get_next_fire_time(previous, now)) is not None:
        utc = time.astimezone(UTC)
        if utc > end:
            break
        times.append(utc)
        previous, now = time, utc + datetime.timedelta(seconds=1)
    return times


def compare(pattern, name, start, end):
    """Return a verdict, and the fire times of the service and the libraries.
    """
    equal = PATTERNS[pattern] or pattern
    ours = read_service(pattern, name, start, end)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        theirs = [read(equal, name, start, end) for read in (
            read_croniter, read_apscheduler)]
    if ours in theirs:
        verdict = 'agree' if theirs[0] == theirs[1] else 'one differs'
    elif theirs[0] != theirs[1]:
        verdict = 'all differ'
    else:
        verdict = 'debian' if is_debian(ours, theirs[0], name) else 'fault'
    return verdict, ours, *theirs


def is_debian(ours, theirs, name):
    """Return whether the service only leaves out repeated local times.

    Debian's cron fires once for a local time that occurs twice.
    """
    zone = zoneinfo.ZoneInfo(name)
    return set(ours) < set(theirs) and all(
        time.astimezone(zone).fold for time in set(theirs) - set(ours))


def is_fixed(pattern):
    """Return whether a pattern means times on the local clock."""
    return not any(field.startswith('*') for field in (
        patterns.translate(pattern).split()[:2]))


def compare_zones(zones, changes=None):
    """Return the number of each verdict, and the cases with a fault."""
    counts, faults = collections.Counter(), []
    for name in zones:
        days = list_changes(zoneinfo.ZoneInfo(name)) or [FIRST + DAY]
        for day in days if changes is None else RANDOM.sample(
                days, min(changes, len(days))):
            for pattern in PATTERNS:
                case = name, pattern, day - DAY, day + 2 * DAY
                verdict = compare(pattern, name, day - DAY, day + 2 * DAY)[0]
                counts[verdict] += 1
                if verdict == 'fault' or (
                        verdict == 'debian' and not is_fixed(pattern)):
                    faults.append(case)
    return counts, faults


class IndependentTest(base.BaseTestCase):
    """A sample of :func:`compare_zones`."""

    def test_changes_of_the_clock(self):
        zones = ['Europe/Berlin', 'Australia/Lord_Howe', 'Africa/Cairo',
                 'America/Havana', 'Asia/Kathmandu']
        counts, faults = compare_zones(zones, changes=2)
        self.assertEqual([], faults)
        self.assertGreater(counts['agree'], counts.total() / 2)

    def test_a_wrong_time_is_a_fault(self):
        wrong = 'every 20 minutes'
        self.useFixture(fixtures.MockPatch(
            'qinling.core.trigger.patterns.translate',
            lambda pattern: '*/21 * * * *'))
        self.assertEqual('fault', compare(
            wrong, 'Europe/Berlin', FIRST, FIRST + DAY)[0])


if __name__ == '__main__':
    all_zones = list_zones()
    results = compare_zones(all_zones)
    print(len(all_zones), 'zones', *results)
    sys.exit(bool(results[1]))
