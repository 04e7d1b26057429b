# SPDX-License-Identifier: Apache-2.0
"""JSON that people write: numbers keep their value."""

import json
import typing

from qinling.client import exceptions

#: Characters of a number that a double keeps without a check.
SAFE_LENGTH = len('0.12345678901234')


def loads(text: str) -> typing.Any:
    """Return the value of a JSON text.

    :raises ValueError: the text is no JSON.
    :raises ClientError: a number would change its value.
    """
    return json.loads(text, parse_float=_parse_float)


def _parse_float(text: str) -> float:
    value = float(text)
    if len(text) <= SAFE_LENGTH and 'e' not in text.lower():
        return value
    import decimal  # slow to load
    try:
        number = decimal.Decimal(text)
    except decimal.InvalidOperation:  # the exponent is too large
        number = decimal.Decimal('NaN')
    if all(number != decimal.Decimal(digits)
           for digits in (repr(value), f'{value:.17g}')):
        raise exceptions.ClientError(
            f'No double has the value of the number {text[:40]}; write it as '
            'a text.')
    return value
