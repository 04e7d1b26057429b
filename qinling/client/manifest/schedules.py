# SPDX-License-Identifier: Apache-2.0
"""Times and dates of jobs in an application file."""

import datetime
import typing


def read_time(value: typing.Any) -> str:
    """Return a time in the form of the API, from a text or from YAML."""
    try:
        time = datetime.datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(
            'is no time such as 2030-01-31T12:00:00Z') from None
    if time.tzinfo is not None:
        time = time.astimezone(datetime.timezone.utc)
    return time.strftime('%Y-%m-%dT%H:%M:%SZ')


def read_list(value: typing.Any) -> list[str]:
    """Return a sorted list of texts.

    YAML reads a date without quotes as a date.
    """
    if not isinstance(value, list):
        raise ValueError('is no list of texts')
    texts = [item.isoformat() if isinstance(item, datetime.date) else item
             for item in value]
    if not all(isinstance(item, str) for item in texts):
        raise ValueError('is no list of texts')
    return sorted(set(texts))
