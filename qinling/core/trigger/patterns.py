# SPDX-License-Identifier: Apache-2.0
"""Forms of cron patterns beyond those of the cron library.

:func:`translate` turns names such as ``@daily``, plain language such as
``every 15 minutes``, and ranges beyond the end of a field such as ``22-2``
into five fields.  :class:`Times` adds ``15W``, the weekday nearest to the
15th.
"""

import calendar
import datetime
import functools
import re

import cronsim

from qinling.core.trigger import zones

NAMED_PATTERNS = {
    '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *',
    '@monthly': '0 0 1 * *', '@weekly': '0 0 * * 0', '@daily': '0 0 * * *',
    '@midnight': '0 0 * * *', '@hourly': '0 * * * *'}
_MONTHS = cronsim.cronsim.SYMBOLIC_MONTHS
_WEEKDAYS = cronsim.cronsim.SYMBOLIC_DAYS
#: First and last number of a field, and the names of its numbers.
_FIELDS: tuple[tuple[int, int, list[str]], ...] = (
    (0, 59, []), (0, 23, []), (1, 31, []), (1, 12, _MONTHS),
    (0, 6, _WEEKDAYS), (0, 59, []))
_DAY, _WEEKDAY = 2, 4
_RANGE = re.compile(r'([A-Z]{3}|[0-9]{1,2})-([A-Z]{3}|[0-9]{1,2})'
                    r'(?:/([0-9]{1,2}))?')
_LAST_WEEKDAY = re.compile(r'([A-Z]{3}|[0-7])L|L([A-Z]{3}|[0-7])')
_NEAREST = re.compile('([0-9]{1,2})W')
_INTERVAL = re.compile('every (?:([0-9]{1,4}) )?'
                       '(minute|hour|day|week|month|year)s?')
#: Unit of an interval -> number per larger unit, and the larger unit.
_LARGER = {'minute': (60, 'hour'), 'hour': (24, 'day'), 'day': (7, 'week'),
           'month': (12, 'year')}
_STEPS = {'minute': '*/{} * * * *', 'hour': '0 */{} * * *',
          'month': '0 0 1 */{} *'}
_SINGLE = {'minute': '* * * * *', 'hour': '@hourly', 'day': '@daily',
           'week': '@weekly', 'month': '@monthly', 'year': '@yearly'}

#: Start of the search for the last fire time.
_FIRST_DISTANCE = datetime.timedelta(minutes=1)


@functools.lru_cache(1024)
def translate(pattern: str) -> str:
    """Return the five or six fields of a pattern in any form.

    The sixth field has the seconds.

    :raises cronsim.CronSimError: no five fields mean the same.
    """
    words = pattern.split()
    text = ' '.join(words).lower()
    if text.startswith('every '):
        text = _translate_interval(text)
    if text in NAMED_PATTERNS:
        return NAMED_PATTERNS[text]
    fields = text.upper().split()
    if len(fields) == 6 and fields[5] == 'L' and fields[4] in _WEEKDAYS:
        fields[4:] = [fields[4] + 'L']
    if len(fields) not in (len(_FIELDS) - 1, len(_FIELDS)):
        raise cronsim.CronSimError('it must have five or six fields')
    if not pattern.isascii():
        raise cronsim.CronSimError('it must have only ASCII characters')
    return ' '.join(
        ','.join(_translate_term(term, number) for term in field.split(','))
        for number, field in enumerate(fields))


def _translate_interval(text: str) -> str:
    """Return the pattern of ``every 15 minutes`` and its like."""
    match = _INTERVAL.fullmatch(text)
    if match is None:
        raise cronsim.CronSimError(
            'after "every" it needs a number and a unit from minutes to '
            'years, such as "every 15 minutes"')
    count, unit = int(match[1] or 1), match[2]
    while unit in _LARGER and count and not count % _LARGER[unit][0]:
        per, larger = _LARGER[unit]
        count, unit = count // per, larger
    if count == 1:
        return _SINGLE[unit]
    if unit not in _STEPS or not count or _LARGER[unit][0] % count:
        reason = (f'{_LARGER[unit][0]} is no multiple of {count}'
                  if unit in _STEPS else 'patterns count days within a month'
                  if unit != 'year' else 'a pattern has no year')
        raise cronsim.CronSimError(
            f'no cron pattern means "{text}", since {reason}')
    return _STEPS[unit].format(count)


def _translate_term(term: str, number: int) -> str:
    """Return an item of the list of a field in the form of the library."""
    if number == _WEEKDAY and (match := _LAST_WEEKDAY.fullmatch(term)):
        weekday = match[1] or match[2]
        if weekday in _WEEKDAYS:
            weekday = str(_WEEKDAYS.index(weekday))
        return f'{weekday}L'
    match = _RANGE.fullmatch(term)
    if match is None:
        return term
    lowest, highest, names = _FIELDS[number]
    first, last = (_read_number(text, number) for text in match.groups()[:2])
    step = int(match[3] or 1)
    if first is None or last is None or first <= last or not step:
        # The library reads this range, or refuses the field.
        return term
    if number == _WEEKDAY:
        # Sunday is the day 0 and the day 7.
        first %= 7
        if first <= last:
            return f'{first}-{last}/{step}'
    values = [*range(first, highest + 1), *range(lowest, last + 1)]
    return ','.join(map(str, values[::step]))


def _read_number(text: str, number: int) -> int | None:
    """Return a number within a field, or ``None``."""
    lowest, highest, names = _FIELDS[number]
    if text in names:
        return names.index(text) + lowest
    highest += number == _WEEKDAY
    return (int(text) if text.isdigit() and lowest <= int(text) <= highest
            else None)


class Times(cronsim.CronSim):
    """Fire times of translated fields after a start.

    A day of the month may be ``15W``: the weekday nearest to the 15th in the
    same month, where shorter months count their last day.
    """

    def __init__(self, fields: str, start: datetime.datetime) -> None:
        parts = fields.split()
        days = parts[_DAY].split(',')
        self._nearest = [int(match[1]) for day in days
                         if (match := _NEAREST.fullmatch(day))]
        if any(not 1 <= day <= 31 for day in self._nearest):
            raise cronsim.CronSimError('Bad day-of-month')
        plain = [day for day in days if not _NEAREST.fullmatch(day)]
        parts[_DAY] = ','.join(plain or '1')
        super().__init__(' '.join(parts), start)
        if not plain:
            self.days = set()

    def advance_hour(self) -> bool:
        """Move to the next hour that matches; return whether there was a move.

        In zones with changes of half an hour, the steps of the library go on
        from half past, and miss full hours.
        """
        if self.dt.hour in self.hours:
            return False
        self.dt = self.dt.replace(minute=0, second=0)
        while self.dt.hour not in self.hours:
            self.tick(seconds=3600 - 60 * self.dt.minute)
            if self.dt.hour == 0:
                break
        return True

    def match_dom(self, d: datetime.date) -> bool:
        """Return whether the day of the month matches."""
        return super().match_dom(d) or any(
            d.day == _nearest_weekday(d.year, d.month, day)
            for day in self._nearest)


def _nearest_weekday(year: int, month: int, day: int) -> int:
    """Return the day from Monday to Friday that is nearest to a day."""
    first, length = calendar.monthrange(year, month)
    day = min(day, length)
    weekday = (first + day - 1) % 7
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < length else day - 2
    return day


def next_fire_time(pattern: str, timezone: str | None,
                   time: datetime.datetime) -> datetime.datetime | None:
    """Return the first fire time after a time, or ``None``."""
    *fields, last = translate(pattern).split()
    seconds: tuple[int, ...] = (0,)
    if len(fields) == len(_FIELDS) - 1:
        seconds = _parse_seconds(last)
    else:
        fields.append(last)
    zone = zones.get(timezone)
    try:
        # The first minute with a second after the time.
        start = time - datetime.timedelta(seconds=seconds[-1])
        local = zones.to_local(start, zone)
        for fire_time in Times(' '.join(fields), local):
            # In a repeated hour the library may step back.
            if (minute := zones.to_utc(fire_time)) > start:
                return next(at for second in seconds if (
                    at := minute + datetime.timedelta(seconds=second)) > time)
    except (OverflowError, ValueError):
        # Beyond the last year of ``datetime``.
        pass
    return None


@functools.lru_cache(maxsize=128)
def _parse_seconds(field: str) -> tuple[int, ...]:
    """Return the seconds of a field, in order."""
    try:
        expression = cronsim.CronSim(
            f'{field} * * * * *', datetime.datetime.min)
    except ValueError:  # a number of thousands of digits
        raise cronsim.CronSimError('Bad second')
    return tuple(sorted(expression.seconds))


def latest_fire_time(pattern: str, timezone: str | None,
                     time: datetime.datetime, now: datetime.datetime
                     ) -> datetime.datetime:
    """Return the last fire time up to ``now``.

    The search doubles its distance from ``now``, so a gap of a year takes as
    long as a gap of a day.

    :param time: a fire time before ``now``.
    """
    distance = _FIRST_DISTANCE
    while now - distance > time:
        candidate = next_fire_time(pattern, timezone, now - distance)
        if candidate is not None and candidate <= now:
            time = candidate
            break
        distance *= 2
    while (candidate := next_fire_time(pattern, timezone, time)) is not None:
        if candidate > now:
            break
        time = candidate
    return time
