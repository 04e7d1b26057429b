# SPDX-License-Identifier: Apache-2.0
"""Rotation of the key that encrypts the secrets in the database."""

from collections.abc import Iterator
import typing

from qinling.core import secrets as secrets_module
from qinling.db import crud
from qinling.db import models
from qinling.db import session

#: Rows of one read.
MAX_BATCH_ROWS = 100
_WEBHOOK = models.Webhook
_ENVIRONMENT = models.FunctionSettings
_SOURCE = models.EventSource


def rotate(db: session.Database, secrets: secrets_module.Secrets) -> int:
    """Encrypt every secret with the first key.

    Secrets written in the meantime have that key already, if the API does.

    :returns: the number of secrets encrypted again.
    :raises Unavailable: no configured key fits a secret.
    """
    return (sum(_rotate_row(
                db, secrets, _WEBHOOK, ('secret', 'previous_secret'), row)
                for row in _read_rows(
                    db, _WEBHOOK, _WEBHOOK.secret.is_not(None)))
            + sum(_rotate_row(db, secrets, _SOURCE, ('credentials',), row)
                  for row in _read_rows(
                      db, _SOURCE, _SOURCE.credentials.is_not(None)))
            + sum(_rotate_environment(db, secrets, row)
                  for row in _read_rows(db, _ENVIRONMENT)))


def _read_rows(db: session.Database, model: typing.Any,
               *conditions: typing.Any) -> Iterator[typing.Any]:
    last_id = ''
    while rows := db.read(crud.select, model, model.id > last_id, *conditions,
                          limit=MAX_BATCH_ROWS):
        yield from rows
        last_id = rows[-1].id


def _rotate_row(db: session.Database, secrets: secrets_module.Secrets,
                model: typing.Any, names: tuple[str, ...],
                row: typing.Any) -> int:
    values = {name: secrets.reencrypt(getattr(row, name))
              for name in names
              if getattr(row, name)}
    # The conditions keep a concurrent change by the owner; the revision
    # stays, since nothing changes for the owner.
    written = db.write(lambda tx: crud.update_all(
        tx, model, dict(values, updated_at=model.updated_at),
        model.id == row.id, *(
            getattr(model, name) == getattr(row, name)
            for name in values)))
    return len(values) if written else 0


def _rotate_environment(db: session.Database,
                        secrets: secrets_module.Secrets,
                        row: typing.Any) -> int:
    values = {name: dict(value, sealed=secrets.reencrypt(value['sealed']))
              for name, value in row.secrets.items()}
    if not values:
        return 0
    written = db.write(lambda tx: crud.update_all(
        tx, _ENVIRONMENT, {'secrets': values}, _ENVIRONMENT.id == row.id))
    return len(values) if written else 0
