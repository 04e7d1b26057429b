# SPDX-License-Identifier: Apache-2.0
"""What the types of all nouns are made of."""

import datetime
import inspect
import types as types_module
import uuid as uuid_module

import wsme
from wsme import types as wtypes

from qinling import exception

Text = wtypes.text
Time = datetime.datetime


class AnyJson(wtypes.UserType):
    """Any JSON value, taken as it is."""

    basetype = object
    name = 'json'


class Uuid(wtypes.UserType):
    """An id, kept in its lower-case dashed form."""

    basetype = str
    name = 'uuid'

    @staticmethod
    def validate(value):
        return uuid(value)

    frombasetype = validate


class Integer(wtypes.UserType):
    """A whole number in a body; decimal text is taken, but no fraction,
    which WSME would cut off."""

    basetype = object
    name = 'integer'

    @staticmethod
    def validate(value):
        return integer(value)

    frombasetype = validate


class Version(wtypes.UserType):
    """A version number: 0 for the latest code; decimal text is taken."""

    basetype = object
    name = 'version'

    @staticmethod
    def validate(value):
        return version(value)

    frombasetype = validate


class Moment(wtypes.UserType):
    """A time that users may give as text in any usual form; see
    :func:`qinling.core.trigger.schedule.moment`."""

    basetype = object
    name = 'time'

    @staticmethod
    def validate(value):
        if not isinstance(value, (str, datetime.datetime)):
            raise exception.Invalid('A time must be text.')
        return value

    frombasetype = validate


def uuid(value):
    """The canonical form of a UUID.

    :raises Invalid: it is none.
    """
    try:
        return str(uuid_module.UUID(value))
    except (ValueError, TypeError, AttributeError):
        raise exception.Invalid(f'{value!r} is not a UUID.')


def integer(value):
    """An int from a number or decimal text.

    :raises Invalid: it is no whole number, or does not fit 31 bits.
    """
    try:
        if isinstance(value, (bool, float)):
            raise ValueError
        number = int(value)
    except (TypeError, ValueError):
        raise exception.Invalid(f'{value!r} is not a whole number.')
    if abs(number) >= 2 ** 31:
        raise exception.Invalid(f'{number} is out of range.')
    return number


def version(value):
    """A version number as an int.

    :raises Invalid: it is no number, or negative.
    """
    number = integer(value)
    if number < 0:
        raise exception.Invalid(
            f'{number} is not a version number; they begin at 1, and 0 '
            'means the latest code.')
    return number


def truth(value):
    """Whether a query text means yes; whatever is unclear means no."""
    return value.strip().lower() in ('1', 't', 'true', 'y', 'yes', 'on')


class Type(wtypes.Base):
    """A WSME type with its attributes in the order of their declaration.

    WSME finds that order by reading and parsing the source of each class,
    which takes a third of the start of a process.
    """

    _wsme_attr_order = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        names = [name for base in reversed(cls.__mro__)
                 if issubclass(base, Type) for name, value in
                 vars(base).items()
                 if not name.startswith('_') and not inspect.isroutine(value)]
        cls._wsme_attr_order = tuple(dict.fromkeys(names))


class Resource(Type):
    """Attributes that every resource has; all are the service's."""

    id = wsme.wsattr(Text, readonly=True)
    project_id = wsme.wsattr(Text, readonly=True)
    created_at = wsme.wsattr(Time, readonly=True)
    updated_at = wsme.wsattr(Time, readonly=True)


def view(row, **changes):
    """A row of the database, or an object, with some attributes changed."""
    values = getattr(row, '_mapping', None) or vars(row)
    return types_module.SimpleNamespace(**dict(values, **changes))


def given(body):
    """What a user set of a body, as a dict; ``null`` means not set."""
    found = {}
    for attribute in wtypes.list_attributes(type(body)):
        value = getattr(body, attribute.key)
        if value is not wsme.Unset and value is not None:
            found[attribute.key] = value
    return found
