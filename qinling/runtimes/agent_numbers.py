# SPDX-License-Identifier: Apache-2.0
"""Numbers of JSON texts: either kept with their value, or rejected."""

from __future__ import annotations

# Digits of an integer; the limit of Python.
MAX_INTEGER_DIGITS = 4300
# Characters of a number with a fraction or an exponent.  The exact value of a
# double has at most 1077.
MAX_FLOAT_LENGTH = 1100
# A double keeps 15 digits, except near the ends of its range.
SAFE_LENGTH = len('0.12345678901234')
SMALLEST, LARGEST = 1e-300, 1e300


class BadNumber(ValueError):
    """The number cannot be kept; the message continues its name."""


def parse_int(text: str) -> int:
    """Return the integer in a text.

    :raises BadNumber: the integer has too many digits.
    """
    if len(text.lstrip('-')) > MAX_INTEGER_DIGITS:
        raise BadNumber('has more than %d digits; pass a text instead.'
                        % MAX_INTEGER_DIGITS)
    return int(text)


def parse_float(text: str) -> float:
    """Return the double with the value in a text.

    A double has the value if the double has the same digits when written with
    as many: 0.1 and 0.10000000000000001 are values of doubles.

    :raises BadNumber: no double has the value.
    """
    value = float(text)
    if len(text) <= SAFE_LENGTH and SMALLEST < abs(value) < LARGEST:
        return value
    if abs(value) == float('inf'):
        raise BadNumber('is beyond the range of a double; pass a text '
                        'instead.')
    if not _has_digits(value, text):
        raise BadNumber('has more digits than a double; pass a text instead.')
    return value


def _has_digits(value: float, text: str) -> bool:
    """Return whether a double written as long as a number is equal."""
    mantissa, _, exponent = text.lower().lstrip('-').partition('e')
    whole, _, fraction = mantissa.partition('.')
    digits = (whole + fraction).lstrip('0')
    if not value or len(text) > MAX_FLOAT_LENGTH:
        return not digits
    value_digits, _, value_exponent = (
        '%.*e' % (len(digits) - 1, abs(value))).partition('e')
    return (value_digits.replace('.', '') == digits and int(value_exponent)
            == int(exponent or 0) - len(fraction) + len(digits) - 1)
