# SPDX-License-Identifier: Apache-2.0
"""Writing only over the state that the writer has seen.

``match`` is the set of revisions that a caller accepts, or ``None`` when he
accepts any; see the column ``revision`` of :mod:`qinling.db.models`.
"""

from qinling import exception


def check(row, match):
    """Refuse a row that is not at one of the revisions.

    :raises PreconditionFailed: it is at another.
    """
    if match is not None and row.revision not in match:
        raise exception.PreconditionFailed(revision=row.revision)


def condition(model, match):
    """The same as conditions of a statement, for the moment of the write."""
    return () if match is None else (model.revision.in_(match),)
