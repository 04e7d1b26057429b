# SPDX-License-Identifier: Apache-2.0
"""Fast decoding of JSON bodies whose values already have the right types.

WSME walks a type for each body, at 100 calls and more.  A decoder handles the
common case and leaves everything else, errors included, to WSME.
"""

from collections.abc import Callable
from collections.abc import Mapping
import functools
import typing

import wsme
from wsme.rest import json as wsme_json
from wsme import types as wtypes

from qinling import exception
from qinling import printable

#: Type -> noun of a valid value.
_NOUNS: Mapping[typing.Any, str] = {
    int: 'a whole number', float: 'a number',
    bool: 'a boolean; use true or false'}
_Convert = Callable[[typing.Any], typing.Any]


class Body:
    """Fields that a client sent; the others are ``Unset``, as in WSME."""

    def __init__(self, fields: dict[str, typing.Any]) -> None:
        self.fields = fields

    def __getattr__(self, name: str) -> typing.Any:
        return self.fields.get(name, wsme.Unset)


class _OtherType(Exception):
    """A value that WSME has to convert or to reject."""


class Decoder:
    """Decoder of one WSME type."""

    def __init__(self, datatype: typing.Any) -> None:
        attributes = wtypes.list_attributes(datatype)
        self._mandatory = frozenset(
            attribute.name for attribute in attributes if attribute.mandatory)
        self._has_defaults = any(
            attribute.default is not wsme.Unset for attribute in attributes)
        self._fields: dict[str, tuple[str, _Convert]] = {
            attribute.name: (attribute.key, convert)
            for attribute in attributes if not attribute.readonly
            and (convert := _converter(attribute.datatype)) is not None}

    def decode(self, values: Mapping[str, typing.Any]) -> Body | None:
        """Return the fields of a body, ``None`` to leave it to WSME.

        :param values: without ``None``, which counts as unset.
        """
        if self._has_defaults or not self._mandatory <= values.keys():
            return None
        fields = {}
        try:
            for name, value in values.items():
                key, convert = self._fields[name]
                fields[key] = convert(value)
        except Exception:
            # WSME repeats the conversion, and words the error.
            return None
        return Body(fields)


@functools.lru_cache(maxsize=None)
def create_decoder(datatype: typing.Any) -> Decoder:
    """Return the decoder of a WSME type."""
    return Decoder(datatype)


def resolve_types() -> None:
    """Resolve the types of all attributes, before threads use them.

    WSME does so at the first use, in a way that fails in two threads at once.
    """
    for datatype in wtypes.registry.complex_types:
        for attribute in wtypes.list_attributes(datatype):
            getattr(attribute, 'datatype')


def describe_error(values: Mapping[str, typing.Any], datatype: typing.Any,
                   error: Exception) -> exception.Invalid:
    """Return an error that names the attribute with the wrong value.

    :param values: fields of a body, of which WSME could not read one.
    """
    for attribute in wtypes.list_attributes(datatype):
        if attribute.name not in values:
            continue
        try:
            wsme_json.fromjson(attribute.datatype, values[attribute.name])
        except (ValueError, TypeError, AttributeError, OverflowError,
                exception.Invalid) as e:
            noun = _NOUNS.get(attribute.datatype)
            value = printable.shorten(repr(values[attribute.name]), 100)
            return exception.Invalid(
                f'{attribute.name}: {value} is not {noun}.' if noun
                else f'{attribute.name}: {e}', attributes=(attribute.name,))
    return exception.Invalid(f'Invalid input: {error}')


def _converter(datatype: typing.Any) -> _Convert | None:
    if datatype in (wtypes.text, bool):
        return functools.partial(_require, datatype)
    if isinstance(datatype, wtypes.UserType):
        convert: _Convert = datatype.validate
        return convert
    return None


def _require(expected: type, value: typing.Any) -> typing.Any:
    if type(value) is not expected:
        raise _OtherType
    return value
