# SPDX-License-Identifier: Apache-2.0
"""JSON from outside: values keep their meaning, or the text is rejected.

The parser keeps the value of every number, and rejects what later steps could
not store or write again: NaN, numbers that neither an integer nor a double
keeps, half surrogate pairs, and deep nesting.
"""

from collections.abc import Callable
import json
import typing

import orjson

from qinling import printable
from qinling.runtimes import agent_numbers

#: Depth of nested arrays and objects.
MAX_DEPTH = 100


class NotStorable(ValueError):
    """A JSON text with a value that cannot be stored."""


def loads(data: str | bytes, any_unicode: bool = False,
          rounded: bool = False) -> typing.Any:
    """Return the value of a JSON text.

    :param any_unicode: accept half surrogate pairs.
    :param rounded: round fractions to a double, as other readers of JSON do,
        in texts whose author cannot change them.
    :raises NotStorable: a value cannot be stored.
    :raises ValueError: the text is no JSON; the messages are sentences.
    """
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError:
        raise ValueError('The JSON text is not valid UTF-8.')
    try:
        text = text.removeprefix('\ufeff')  # the byte order mark
        value = _decode(text, _ROUNDING_DECODER if rounded else _DECODER)
    except RecursionError:
        raise NotStorable(_too_deep())
    except json.JSONDecodeError as e:
        raise ValueError(f'The text is not JSON: {e}.')
    except ValueError:
        raise NotStorable(_explain_number(
            text, _round if rounded else agent_numbers.parse_float))
    if text.count('[') + text.count('{') > MAX_DEPTH:
        _check_depth(value)
    if not any_unicode and '\\u' in text:
        _check_unicode(value)
    return value


def dumps(value: typing.Any) -> bytes:
    """Return the JSON of a value, also of one that :func:`loads` returns.

    Integers may have more than 64 bits, and texts half surrogate pairs.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(',', ':'), allow_nan=False,
                          default=_convert).encode()


def _convert(value: typing.Any) -> typing.Any:
    return orjson.loads(orjson.dumps(value))


def _decode(text: str, decoder: json.JSONDecoder) -> typing.Any:
    """Return the value of a JSON text.

    Without white space around, this takes half the calls of ``decode``.
    """
    try:
        value, end = decoder.raw_decode(text)
    except json.JSONDecodeError:
        end = None
    return value if end == len(text) else decoder.decode(text)


def _refuse_constant(name: str) -> typing.NoReturn:
    raise ValueError(f'{name} is not a JSON value.')


def parse_integer(value: typing.Any) -> int:
    """Return the integer of a JSON number, or of a decimal text.

    Python also reads 1_0, and digits of other scripts.

    :raises TypeError, ValueError: the value is no integer.
    """
    if isinstance(value, (bool, float)) or (isinstance(value, str) and (
            '_' in value or not value.isascii())):
        raise ValueError(f'{value!r} is no integer.')
    return int(value)


class _Integer(str):
    """Text of an integer."""


class _Fraction(str):
    """Text of a number with a fraction or an exponent."""


def _round(text: str) -> float:
    """Return the double next to a number.

    :raises BadNumber: the number is beyond the range of a double.
    """
    value = float(text)
    if abs(value) == float('inf'):
        return agent_numbers.parse_float(text)
    return value


def _explain_number(text: str, parse: Callable[[str], float]) -> str:
    """Return the sentence about a number that cannot be stored.

    :param parse: reader of fractions, which raises ``BadNumber``.
    :raises ValueError: the text has a constant instead.
    """
    top = _NUMBER_DECODER.decode(text)
    _check_depth(top)
    #: Values, and their path as (path of the parent, name or index).
    waiting: list[tuple[typing.Any, tuple[typing.Any, ...]]] = [(top, ())]
    while waiting:
        value, path = waiting.pop()
        try:
            if isinstance(value, _Integer):
                agent_numbers.parse_int(value)
            elif isinstance(value, _Fraction):
                parse(value)
        except agent_numbers.BadNumber as e:
            return (f'The number {printable.shorten(value, 40)}'
                    f'{_describe_path(path)} {e}')
        if isinstance(value, dict):
            waiting += ((child, (path, name)) for name, child in value.items())
        elif isinstance(value, list):
            waiting += ((child, (path, index))
                        for index, child in enumerate(value))
    return 'An integer has more digits than this Python permits.'


def _describe_path(path: tuple[typing.Any, ...]) -> str:
    """Return a path in the form `` at a.b[1]``."""
    text = ''
    while path:
        path, key = path
        name = (f'[{key}]' if isinstance(key, int)
                else '.' + printable.shorten(key, 40))
        text = name + text
    return ' at ' + text.removeprefix('.') if text else ''


def _check_depth(value: typing.Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level
                 if isinstance(parent, (dict, list))
                 for child in (parent.values() if isinstance(parent, dict)
                               else parent)]
        if not level:
            return
    if any(isinstance(child, (dict, list)) for child in level):
        raise NotStorable(_too_deep())


def _too_deep() -> str:
    return (f'The JSON value has more than {MAX_DEPTH} nested arrays and '
            'objects.')


def _check_unicode(value: typing.Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NotStorable('A text contains half of a surrogate pair.')


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant,
                            parse_float=agent_numbers.parse_float)
_ROUNDING_DECODER = json.JSONDecoder(parse_constant=_refuse_constant,
                                     parse_float=_round)
_NUMBER_DECODER = json.JSONDecoder(parse_constant=_refuse_constant,
                                   parse_int=_Integer, parse_float=_Fraction)
