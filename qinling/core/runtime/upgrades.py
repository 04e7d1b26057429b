# SPDX-License-Identifier: Apache-2.0
"""Changes of the image of a runtime, and their end.

Until the pool has the new image, the row keeps the old image, and the id of
the runtime to which the published versions moved: any engine can roll back.
"""

import typing

from qinling.core import digests
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import RuntimeStatus

_MODEL = models.Runtime
_VERSION = models.FunctionVersion
#: Characters of a name that leave room for a time behind it.
MAX_BASE_NAME_LENGTH = 220
#: Columns that describe an image.
LANGUAGE = ('language', 'language_version')
_COPIED_FIELDS = ('image', *LANGUAGE, 'is_public', 'trusted', 'project_id')
_NOT_UPGRADING: dict[str, typing.Any] = {
    'previous_image': None, 'versions_runtime_id': None}


def begin(row: typing.Any, columns: dict[str, typing.Any],
          condition: tuple[typing.Any, ...], with_versions: bool,
          tx: session.Connection) -> str | None:
    """Write the new image of a runtime, for engines to carry out.

    :param columns: new values, with ``image``.
    :param condition: clauses that have to hold.
    :param with_versions: published versions change their image, too.
    :returns: the id of the runtime to which versions moved, if any did.
    :raises RuntimeNotAvailable: the status permits no upgrade, or another
        one started after the row was read.
    """
    copy_id = None if with_versions else _copy_for_versions(tx, row)
    if not crud.change_status(
            tx, _MODEL, row.id, RuntimeStatus.UPGRADING.value,
            _MODEL.image == row.image, *condition,
            **dict(columns, previous_image=row.image,
                   versions_runtime_id=copy_id)):
        status = RuntimeStatus(row.status)
        if status is RuntimeStatus.AVAILABLE:
            status = RuntimeStatus.UPGRADING
        raise exception.RuntimeNotAvailable(id=row.id, status=status.value)
    if with_versions:
        digests.change_image(tx, row.id, columns['image'])
    return copy_id


def undo(row: typing.Any, copy_id: str | None, tx: session.Connection
         ) -> None:
    """Undo an upgrade that no engine has started.

    :param row: the runtime before the upgrade.
    """
    crud.change_status(tx, _MODEL, row.id, RuntimeStatus.AVAILABLE.value,
                       **_NOT_UPGRADING, **{
                           name: getattr(row, name)
                           for name in ('image', *LANGUAGE)})
    if copy_id:
        _move_versions(tx, copy_id, row.id)
        crud.delete(tx, _MODEL, copy_id)
    digests.change_image(tx, row.id, row.image)


def finish(row: typing.Any, language: dict[str, str | None],
           tx: session.Connection) -> None:
    """Record a pool with the image of the row, unless that has changed."""
    columns = {**_NOT_UPGRADING, **language, 'status_reason': None}
    crud.change_status(tx, _MODEL, row.id, RuntimeStatus.AVAILABLE.value,
                       _MODEL.image == row.image, **columns)


def roll_back(row: typing.Any, reason: str, language: dict[str, str | None],
              tx: session.Connection) -> None:
    """Give a runtime, and versions that moved, the previous image again.

    Engines delete the runtime of the versions with its pool later.

    :param row: a runtime with ``previous_image``.
    :param language: columns of the previous image.
    """
    columns = {**_NOT_UPGRADING, **language, 'image': row.previous_image,
               'status_reason': reason}
    if not crud.change_status(
            tx, _MODEL, row.id, RuntimeStatus.AVAILABLE.value,
            _MODEL.image == row.image, **columns):
        return
    copy_id = row.versions_runtime_id
    if copy_id:
        _move_versions(tx, copy_id, row.id)
        if not crud.exists(tx, models.Function,
                           models.Function.runtime_id == copy_id):
            crud.change_status(tx, _MODEL, copy_id,
                               RuntimeStatus.DELETING.value)
    digests.change_image(tx, row.id, row.previous_image)


def _copy_for_versions(tx: session.Connection, row: typing.Any
                       ) -> str | None:
    """Move the versions to a copy of a runtime with the old image.

    :returns: the id of the copy, ``None`` without versions.
    """
    if not crud.exists(tx, _VERSION, _VERSION.runtime_id == row.id):
        return None
    now = models.now().isoformat(' ', 'seconds')
    name = (row.name or row.id)[:MAX_BASE_NAME_LENGTH]
    copy_id = crud.insert(
        tx, _MODEL, name=f'{name} until {now}',
        description='What versions run on that were published before.',
        status=RuntimeStatus.CREATING.value,
        **{field: getattr(row, field) for field in _COPIED_FIELDS})
    _move_versions(tx, row.id, copy_id)
    return copy_id


def _move_versions(tx: session.Connection, source_id: str, target_id: str
                   ) -> None:
    crud.update_all(tx, _VERSION, {
        'runtime_id': target_id, 'revision': _VERSION.revision + 1},
        _VERSION.runtime_id == source_id)
