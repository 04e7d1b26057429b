# SPDX-License-Identifier: Apache-2.0
"""Validation of resources and texts from users."""

import typing

from oslo_config import cfg

from qinling import exception
from qinling import fields
from qinling import strict_json

#: field -> (name in options and messages, unit)
RESOURCES = {
    'cpu': ('cpu', 'millicpu'),
    'memory_size': ('memory', 'bytes'),
    'timeout': ('timeout', 'seconds'),
}
#: field -> maximum number of characters
TEXTS = {**{field.name: field.max_length for field in fields.FUNCTION
            if field.kind is fields.Kind.TEXT},
         'function_alias': 255, 'message': 4000, 'image': 255, 'language': 64,
         'language_version': 64, 'pattern': 255, 'timezone': 64,
         'warning_url': 2048}


MAX_PROJECT_ID_LENGTH = 80


def project_id(value: str) -> None:
    """Check the id of a project that need not exist.

    :raises Invalid: the id is too long.
    """
    if len(value) > MAX_PROJECT_ID_LENGTH:
        raise exception.Invalid(
            f'A project id has at most {MAX_PROJECT_ID_LENGTH} characters.')


def resource(conf: cfg.ConfigOpts, field: str, value: typing.Any) -> int:
    """Return a resource within the limits of the operator.

    :param value: an int, or decimal text from a form.
    :raises Invalid: the value is no integer, or out of range.
    """
    name, unit = RESOURCES[field]
    try:
        number = strict_json.parse_integer(value)
    except (TypeError, ValueError):
        raise exception.Invalid(
            f'Invalid {name} resource specified. An integer is required.',
            attributes=(field,))
    minimum = conf.resource_limits[f'min_{name}']
    maximum = conf.resource_limits[f'max_{name}']
    if not minimum <= number <= maximum:
        raise exception.Invalid(
            f'{name} resource limitation not within the allowable range: '
            f'{minimum} ~ {maximum}({unit}).', attributes=(field,))
    return number


def count(conf: cfg.ConfigOpts, field: fields.Field, value: typing.Any
          ) -> int:
    """Return a count within the limit of the operator.

    :param value: an int, or decimal text from a form.
    :raises Invalid: the value is no integer, or out of range.
    """
    maximum: int = conf.resource_limits[field.maximum]
    try:
        number = strict_json.parse_integer(value)
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number <= maximum:
        raise exception.Invalid(
            f'{field.name} must be a whole number between 0 and {maximum}.')
    return number


def default(conf: cfg.ConfigOpts, field: str) -> int:
    """Return the resource of a function that names none."""
    value: int = conf.resource_limits[f'default_{RESOURCES[field][0]}']
    return value


def text(field: str, value: typing.Any) -> str | None:
    """Return a text, or ``None``, after checking the length.

    :raises Invalid: the value is no text, is too long or contains NUL.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise exception.Invalid(f'{field} must be text.',
                                attributes=(field,))
    if len(value) > TEXTS[field]:
        raise exception.Invalid(
            f'{field} is too long: it has {len(value)} characters, at most '
            f'{TEXTS[field]} are allowed.', attributes=(field,))
    if '\0' in value:
        raise exception.Invalid(f'{field} must not contain a NUL character.',
                                attributes=(field,))
    return value
