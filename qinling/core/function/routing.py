# SPDX-License-Identifier: Apache-2.0
"""Routing of weighted aliases: weights of versions, and ranges of points."""

from collections.abc import Mapping
import re
import typing

from qinling import exception

#: Points that the routes of a weighted alias divide.
ROUTING_POINTS = 2 ** 32
#: Allowed difference of the sum of weights from 1, for binary fractions.
MAX_WEIGHT_ERROR = 1e-6


def validate(routing: typing.Any) -> None:
    """Check the weights of an alias.

    :raises Invalid: the weights are not valid.
    """
    if routing is None:
        return
    if not isinstance(routing, dict) or not all(
            _is_version_number(key) and isinstance(weight, (int, float))
            and not isinstance(weight, bool) and 0 < weight <= 1
            for key, weight in routing.items()):
        raise exception.Invalid(
            'routing must be an object of version numbers and weights '
            'between 0 and 1, such as {"1": 0.9, "2": 0.1}.')
    if routing and abs(sum(routing.values()) - 1) > MAX_WEIGHT_ERROR:
        raise exception.Invalid(
            f'The weights of routing must sum to 1, not to '
            f'{sum(routing.values()):g}.')


def _is_version_number(text: str) -> bool:
    """Return whether a text is a version number without leading zeros."""
    return (re.fullmatch('0|[1-9][0-9]{0,9}', text) is not None
            and int(text) < 2 ** 31)


def divide_points(routing: Mapping[str, float]
                  ) -> list[tuple[int, float, int, int]]:
    """Return (version, weight, low, high) for each version of a routing.

    The ranges cover every point exactly once.
    """
    total, low, routes = 0.0, 0, []
    weights = sorted((int(key), weight) for key, weight in routing.items())
    for version, weight in weights:
        total += weight
        high = round(total * ROUTING_POINTS)
        if (version, weight) == weights[-1]:
            high = ROUTING_POINTS
        routes.append((version, weight, low, high))
        low = high
    return routes
