# SPDX-License-Identifier: Apache-2.0
"""What a function may take."""

from qinling import exception

#: field -> (name in options and messages, unit)
RESOURCES = {
    'cpu': ('cpu', 'millicpu'),
    'memory_size': ('memory', 'bytes'),
    'timeout': ('timeout', 'seconds'),
}
#: field -> most characters
TEXTS = {'name': 255, 'function_alias': 255, 'description': 255,
         'entry': 80, 'image': 255, 'language': 64, 'language_version': 64,
         'pattern': 255, 'timezone': 64}


def resource(conf, field, value):
    """A resource as a number within the operator's limits.

    :param value: an int, or decimal text from a form.
    :raises Invalid: it is not a number, or out of range.
    """
    name, unit = RESOURCES[field]
    try:
        if isinstance(value, (bool, float)):
            raise ValueError
        number = int(value)
    except (TypeError, ValueError):
        raise exception.Invalid(
            f'Invalid {name} resource specified. An integer is required.')
    least = conf.resource_limits[f'min_{name}']
    most = conf.resource_limits[f'max_{name}']
    if not least <= number <= most:
        raise exception.Invalid(
            f'{name} resource limitation not within the allowable range: '
            f'{least} ~ {most}({unit}).')
    return number


def default(conf, field):
    """What a function gets that does not say."""
    return conf.resource_limits[f'default_{RESOURCES[field][0]}']


def text(field, value):
    """A text that fits its column; ``None`` stays ``None``."""
    most = TEXTS[field]
    if value is not None and not isinstance(value, str):
        raise exception.Invalid(f'{field} must be text.')
    if value and len(value) > most:
        raise exception.Invalid(
            f'{field} is too long: it has {len(value)} characters, at most '
            f'{most} are allowed.')
    if value and '\0' in value:
        raise exception.Invalid(f'{field} must not contain a NUL character.')
    return value
