# SPDX-License-Identifier: Apache-2.0
"""WSME types of attributes, and base classes of the types of all nouns."""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import datetime
import inspect
import re
import typing
import uuid

import wsme
from wsme import types as wtypes

from qinling.api import decoding
from qinling.db import filtering
from qinling import exception
from qinling import printable
from qinling import strict_json

Text = wtypes.text
Time = datetime.datetime

_CANONICAL_UUID = re.compile(
    '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}')
#: Integers have to fit a signed column of 32 bits.
MAX_INTEGER = 2 ** 31
#: JSON schema of a type, for the description of the API.
Schema = Mapping[str, typing.Any]


class AnyJson(wtypes.UserType):  # type: ignore[misc]
    """Any JSON value, unchanged."""

    basetype = object
    name = 'json'
    schema: Schema = {}


class Uuid(wtypes.UserType):  # type: ignore[misc]
    """UUID, stored in lower case with dashes."""

    basetype = str
    name = 'uuid'
    schema: Schema = {'type': 'string', 'format': 'uuid'}

    @staticmethod
    def validate(value: typing.Any) -> str:
        """Return the canonical form of a UUID."""
        return parse_uuid(value)

    frombasetype = validate


class Integer(wtypes.UserType):  # type: ignore[misc]
    """Integer, or decimal text.

    WSME alone would truncate fractions.
    """

    basetype = object
    name = 'integer'
    schema: Schema = {'type': 'integer', 'minimum': 1 - MAX_INTEGER,
                      'maximum': MAX_INTEGER - 1}

    @staticmethod
    def validate(value: typing.Any) -> int:
        """Return the integer."""
        return parse_integer(value)

    frombasetype = validate


class Version(wtypes.UserType):  # type: ignore[misc]
    """Version number, or decimal text; 0 means the latest code."""

    basetype = object
    name = 'version'
    schema: Schema = {'type': 'integer', 'minimum': 0,
                      'maximum': MAX_INTEGER - 1}

    @staticmethod
    def validate(value: typing.Any) -> int:
        """Return the version number."""
        return parse_version(value)

    frombasetype = validate


class DateTime(wtypes.UserType):  # type: ignore[misc]
    """Time as text in any usual format.

    See :func:`qinling.core.trigger.schedule.parse_datetime`.
    """

    basetype = object
    name = 'time'
    schema: Schema = {'type': 'string', 'format': 'date-time'}

    @staticmethod
    def validate(value: typing.Any) -> str | datetime.datetime:
        """Return the time unparsed."""
        if not isinstance(value, (str, datetime.datetime)):
            raise exception.Invalid('A time must be text.')
        return value

    frombasetype = validate


class File(wtypes.UserType):  # type: ignore[misc]
    """File of a form."""

    basetype = object
    name = 'file'
    schema: Schema = {'type': 'string', 'format': 'binary'}


def parse_uuid(value: typing.Any) -> str:
    """Return the canonical form of a UUID.

    :raises Invalid: the value is no UUID.
    """
    if isinstance(value, str) and _CANONICAL_UUID.fullmatch(value):
        return value
    try:
        return str(uuid.UUID(value))
    except (ValueError, TypeError, AttributeError):
        text = printable.shorten(repr(value), 100)
        raise exception.Invalid(f'{text} is not a UUID.')


def normalise_uuid(value: str) -> str:
    """Return the canonical form of a UUID, and any other text unchanged."""
    try:
        return str(uuid.UUID(value))
    except ValueError:
        return value


def parse_integer(value: typing.Any) -> int:
    """Return the integer of a number or decimal text.

    :raises Invalid: the value is no integer, or does not fit 31 bits.
    """
    try:
        number = strict_json.parse_integer(value)
    except (TypeError, ValueError):
        raise exception.Invalid(f'{value!r} is not a whole number.')
    if abs(number) >= MAX_INTEGER:
        raise exception.Invalid(f'{number} is out of range.')
    return number


def parse_version(value: typing.Any) -> int:
    """Return a version number.

    :raises Invalid: the value is no integer, or negative.
    """
    number = parse_integer(value)
    if number < 0:
        raise exception.Invalid(
            f'{number} is not a version number; they begin at 1, and 0 '
            'means the latest code.')
    return number


def parse_time(text: str) -> datetime.datetime:
    """Return the time in UTC, without a zone, of a query text.

    :raises Invalid: the text is no time, or at the end of the calendar,
        where no time is before or after.
    """
    try:
        time = filtering.parse_time(text.strip())
        if datetime.MINYEAR < time.year < datetime.MAXYEAR:
            return time
    except (ValueError, OverflowError):
        pass
    value = printable.shorten(repr(text), 100)
    raise exception.Invalid(
        f'{value} is not a time; use the form 2026-01-31T12:00:00.')


def parse_boolean(text: str) -> bool:
    """Return whether a query text means true; unknown words mean false."""
    return text.strip().lower() in filtering.TRUE_WORDS


def parse_flag(name: str, text: str) -> bool:
    """Return the value of a form field.

    :raises Invalid: the text is no boolean.
    """
    try:
        return filtering.parse_boolean(text.strip())
    except ValueError:
        raise exception.Invalid(
            f"{name}: {printable.shorten(text, 64)!r} is not a boolean; use "
            'true or false.', attributes=[name])


@dataclasses.dataclass(frozen=True)
class Several:
    """Converter of a query key that a query may repeat."""

    convert: Callable[[str], typing.Any]

    def __call__(self, text: str) -> typing.Any:
        """Return the value of one occurrence."""
        return self.convert(text)


#: Converter of the query key that selects attributes of the answer.
FIELDS: Mapping[str, Callable[[str], typing.Any]] = {'fields': str}


class Type(wtypes.Base):  # type: ignore[misc]
    """WSME type with attributes in the order of declaration.

    WSME would find the order by parsing the source of each class, a third of
    the start of a process.
    """

    _wsme_attr_order: tuple[str, ...] = ()
    #: Whether answers with the type have an ETag.
    _has_etag = True

    def __init_subclass__(cls, **kwargs: typing.Any) -> None:
        super().__init_subclass__(**kwargs)
        names = [name for base in reversed(cls.__mro__)
                 if issubclass(base, Type) for name, value in
                 vars(base).items()
                 if not name.startswith('_') and not inspect.isroutine(value)]
        cls._wsme_attr_order = tuple(dict.fromkeys(names))


class Resource(Type):
    """Read-only attributes of every resource."""

    id = wsme.wsattr(Text, readonly=True)
    project_id = wsme.wsattr(Text, readonly=True)
    created_at = wsme.wsattr(Time, readonly=True)
    updated_at = wsme.wsattr(Time, readonly=True)


class View:
    """Attributes for the encoder, without the validation of WSME.

    :param row: row of the database, or an object, whose attributes the view
        has as well.
    :param changes: attributes that replace attributes of the row.
    """

    def __init__(self, row: typing.Any = None, **changes: typing.Any
                 ) -> None:
        if row is not None:
            self.__dict__.update(getattr(row, '_mapping', None) or vars(row))
        self.__dict__.update(changes)

    def __getattr__(self, name: str) -> typing.Any:
        raise AttributeError(f'The view has no attribute {name!r}.')


def get_fields(body: Type | decoding.Body) -> dict[str, typing.Any]:
    """Return the fields the client sent; ``null`` counts as unset."""
    if isinstance(body, decoding.Body):
        return body.fields
    values = {}
    for attribute in wtypes.list_attributes(type(body)):
        value = getattr(body, attribute.key)
        if value is not wsme.Unset and value is not None:
            values[attribute.key] = value
    return values
