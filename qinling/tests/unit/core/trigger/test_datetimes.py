# SPDX-License-Identifier: Apache-2.0
"""Times from users."""

from oslotest import base

from qinling.core.trigger import schedule
from qinling import exception
from qinling.tests.unit.core.trigger import test_schedule

NOW, time = test_schedule.NOW, test_schedule.time


class TestDatetimes(base.BaseTestCase):
    """Times from users."""

    def test_forms(self):
        for text in ('2026-06-01T12:00:00Z', '2026-06-01 12:00',
                     '2026-06-01T14:00:00+02:00', '20260601T120000',
                     'Mon, 1 Jun 2026 12:00:00 GMT', '1 June 2026 12:00',
                     '2026-06-01 07:00 -0500', '2026-06-01 12:00 UTC'):
            self.assertEqual(time(2026, 6, 1, 12),
                             schedule.parse_datetime(text, NOW), text)
        self.assertEqual(time(2026, 5, 6, 12, 30), schedule.parse_datetime(
            '12:30', NOW))

    def test_invalid_datetimes_are_refused(self):
        for text in ('', 'x', 'tomorrow', '2026-13-01', '2026-02-30',
                     '2026-06-01 12:00 EST', '1' * 60, '9' * 65,
                     '9999-12-31T23:59:59-12:00', '\0', '1e999999 12',
                     '2026-06-01T25:00'):
            error = self.assertRaises(
                exception.Invalid, schedule.parse_datetime, text, NOW)
            self.assertIn('is not a time', str(error))

    def test_datetimes_must_be_a_minute_ahead(self):
        self.assertEqual(time(2026, 5, 6, 7, 9, 9), schedule.parse_datetime(
            '2026-05-06 07:09:09', NOW))
        for text in ('2026-05-06 07:09:08', '2026-05-06 07:00',
                     '1999-01-01', '2026-05-06T09:09:08+02:00'):
            error = self.assertRaises(
                exception.Invalid, schedule.parse_datetime, text, NOW)
            self.assertIn('at least 1 minute in the future', str(error))
