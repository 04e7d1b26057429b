# SPDX-License-Identifier: Apache-2.0
"""Header ``X-Qinling-Version``: the field ``function_version`` in a header.

For callers behind a gateway, which adds headers but no fields.
"""

import typing

from qinling.api import types
from qinling import context
from qinling import exception

#: Name of the header in the environment of WSGI.
HEADER = 'HTTP_X_QINLING_VERSION'
RULE = 'execution:choose_version'


def add_version(values: dict[str, typing.Any], text: str
                ) -> dict[str, typing.Any]:
    """Return the fields of a request with the version of the header.

    The version is for the alias, if any, which overrides the function.

    :raises Invalid: the header is no version, or header and body differ.
    """
    try:
        number = types.parse_version(text)
    except exception.Invalid as e:
        raise exception.Invalid(
            f'The header X-Qinling-Version is not valid: {e}')
    if values.get('function_version', number) != number:
        raise exception.Invalid(
            'X-Qinling-Version and function_version differ; send one of '
            'them.')
    values = {**values, 'function_version': number}
    if 'function_alias' in values:
        values.pop('function_id', None)
    return values


def check_rule(ctx: context.RequestContext) -> None:
    """Check that a caller may replace the choice of an alias.

    :raises PolicyForbidden: the caller must not.
    """
    if not ctx.can(RULE):
        raise exception.PolicyForbidden(rule=RULE)
