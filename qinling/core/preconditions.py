# SPDX-License-Identifier: Apache-2.0
"""Preconditions: writes only over a state known to the writer.

``match`` is the set of revisions accepted by the caller, or ``None`` for any;
see the column ``revision`` of :mod:`qinling.db.models`.
"""

from collections.abc import Set
import typing

from qinling.db import models
from qinling import exception

Match = Set[int] | None


def check(row: typing.Any, match: Match) -> None:
    """Raise an error for a row at another revision.

    :raises PreconditionFailed: the revision of the row is not accepted.
    """
    if match is not None and row.revision not in match:
        raise exception.PreconditionFailed(revision=row.revision)


def condition(model: type[models.Revised], match: Match
              ) -> tuple[typing.Any, ...]:
    """Return the conditions of a statement that checks at the write."""
    return () if match is None else (model.revision.in_(match),)
