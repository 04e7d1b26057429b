# SPDX-License-Identifier: Apache-2.0
"""Giving what is encrypted in the database to another key."""

from qinling.db import crud
from qinling.db import models

#: Rows that are read at a time.
PIECE = 100
_WEBHOOK = models.Webhook
_SETTINGS = models.FunctionSettings


def rotate(db, secrets):
    """Encrypt every secret with the first of the keys.

    What is written meanwhile has that key already, if the API has it.

    :param secrets: a :class:`qinling.core.secrets.Secrets`.
    :returns: how many secrets were encrypted anew.
    :raises Unavailable: one was encrypted with none of the keys.
    """
    return (sum(_webhook(db, secrets, row) for row in _rows(
                db, _WEBHOOK, _WEBHOOK.secret.is_not(None)))
            + sum(_settings(db, secrets, row) for row in _rows(
                db, _SETTINGS)))


def _rows(db, model, *conditions):
    last = ''
    while rows := db.read(lambda tx: crud.find(
            tx, model, model.id > last, *conditions, limit=PIECE)):
        yield from rows
        last = rows[-1].id


def _webhook(db, secrets, row):
    new = {name: secrets.renew(getattr(row, name))
           for name in ('secret', 'previous_secret') if getattr(row, name)}
    # Neither a change that its owner has made, nor one over his.
    written = db.write(lambda tx: crud.update_all(
        tx, _WEBHOOK, dict(new, updated_at=_WEBHOOK.updated_at),
        _WEBHOOK.id == row.id, *(
            getattr(_WEBHOOK, name) == getattr(row, name) for name in new)))
    return len(new) if written else 0


def _settings(db, secrets, row):
    new = {name: dict(value, sealed=secrets.renew(value['sealed']))
           for name, value in row.secrets.items()}
    written = new and db.write(lambda tx: crud.update_all(
        tx, _SETTINGS, {'secrets': new}, _SETTINGS.id == row.id))
    return len(new) if written else 0
