# SPDX-License-Identifier: Apache-2.0
"""Quantities such as ``100m``, ``64Mi`` and ``1e3``."""

import decimal
import re

_FORM = re.compile(r'([+-]?(?:\d+\.?\d*|\.\d+))'
                   r'([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?')
_SUFFIXES = {
    'n': decimal.Decimal('1e-9'), 'u': decimal.Decimal('1e-6'),
    'm': decimal.Decimal('1e-3'), 'k': 10 ** 3,
    **{letter: 1000 ** power for power, letter in enumerate('MGTPE', 2)},
    **{f'{letter}i': 1024 ** power
       for power, letter in enumerate('KMGTPE', 1)},
}


def parse(text):
    """Return the number, a :class:`decimal.Decimal`.

    :raises ValueError: the text is no quantity.
    """
    match = _FORM.fullmatch(str(text))
    if not match:
        raise ValueError('quantities must match the regular expression '
                         "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
    number, suffix = match.groups()
    value = decimal.Decimal(number)
    if not suffix:
        return value
    if suffix in _SUFFIXES:
        return value * _SUFFIXES[suffix]
    return value * decimal.Decimal(10) ** int(suffix[1:])


def render(value):
    """Return the shortest text of a number."""
    value = decimal.Decimal(value)
    if value == value.to_integral_value():
        return str(int(value))
    return f'{int((value * 1000).to_integral_value(decimal.ROUND_UP))}m'


def requested(pod, kind='requests'):
    """Return {resource: sum} of a pod's containers."""
    total = {}
    for container in pod['spec'].get('containers', ()):
        for name, text in container.get('resources', {}).get(
                kind, {}).items():
            total[name] = total.get(name, 0) + parse(text)
    return total
