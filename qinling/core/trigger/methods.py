# SPDX-License-Identifier: Apache-2.0
"""HTTP methods of webhooks.

Links, images and pre-connections of browsers send GET, so a webhook runs its
function on POST alone by default.  HEAD and OPTIONS never run a function.
"""

from collections.abc import Sequence
import typing

from qinling import exception

#: Methods that can run a function, and the default.
METHODS = ('POST', 'GET', 'PUT', 'PATCH', 'DELETE')
DEFAULT = ('POST',)
#: Methods that run nothing: HEAD asks whether a webhook exists, OPTIONS is
#: the preflight request of a browser.
INQUIRIES = ('HEAD', 'OPTIONS')


def parse(value: typing.Any) -> list[str] | None:
    """Return the methods in the order of :data:`METHODS`.

    :returns: ``None`` for the default.
    :raises Invalid: the methods are not valid.
    """
    if not isinstance(value, list) or not value or not all(
            method in METHODS for method in value):
        raise exception.Invalid(
            f'methods must be a list of: {", ".join(METHODS)}. HEAD and '
            'OPTIONS never run a function.')
    methods = [method for method in METHODS if method in value]
    return None if methods == list(DEFAULT) else methods


def list_allowed(webhook: typing.Any) -> Sequence[str]:
    """Return all methods of the URL of a webhook."""
    return (*(webhook.methods or DEFAULT), 'HEAD')


def check(webhook: typing.Any, method: str) -> None:
    """Reject a delivery by another method.

    :raises MethodRefused: the method runs nothing.
    """
    if method not in (webhook.methods or DEFAULT):
        refuse(webhook, method)


def refuse(webhook: typing.Any, method: str) -> typing.NoReturn:
    """Raise the error that names the methods of a webhook."""
    raise exception.MethodRefused(
        method=method, methods=' or '.join(webhook.methods or DEFAULT),
        allow=list(list_allowed(webhook)))
