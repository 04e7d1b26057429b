# SPDX-License-Identifier: Apache-2.0
"""Webhooks: URLs that run a function, and the secrets of their senders.

What comes in at such a URL is the matter of :mod:`qinling.core.trigger.deliveries`.
"""

import datetime

from qinling.core import preconditions
from qinling.core import targets
from qinling.core.trigger import payloads
from qinling.core.trigger import signatures
from qinling.core import validation
from qinling.db import crud
from qinling.db import models
from qinling import exception

_MODEL = models.Webhook
#: What runs: an alias alone, or a function with a version.
TARGET = ('function_id', 'function_version', 'function_alias')
_CHANGEABLE = ('description', 'sync', 'payload')
#: Seconds that a secret lives on beside its successor, unless said
#: otherwise, and at most.
OVERLAP, MOST_OVERLAP = 24 * 3600, 7 * 24 * 3600
_NO_SECRET = {'signature': None, 'secret': None, 'previous_secret': None,
              'previous_until': None}


class Webhooks:
    """What may happen to webhooks."""

    def __init__(self, db, secrets, quotas):
        self._db = db
        self._quotas = quotas
        self._secrets = secrets

    def create(self, ctx, values):
        """Make a webhook for something in the caller's own project.

        :param values: what is given of ``function_id``,
            ``function_version``, ``function_alias``, ``description``,
            ``sync``, ``payload``, ``signature`` and ``secret``.
        :returns: (the webhook, its secret or ``None``): the only time that
            one is told.
        """
        _check(values)
        if not ('function_id' in values or 'function_alias' in values):
            raise exception.Invalid(
                'Either function_alias or function_id must be provided.')
        values = dict(values)
        secret = values.pop('secret', None)
        target = _target(values)
        if secret is not None and 'signature' not in values:
            raise exception.Invalid(
                'A secret needs a signature, which says how it is used.')
        if 'signature' in values:
            secret = self._sealed(values, secret)
        row = {name: value for name, value in values.items()
               if name not in TARGET}
        guard = self._quotas.guard(ctx.project_id, webhooks=1)

        def insert(tx):
            guard(tx)
            targets.hold_reference(tx, ctx, **target)
            return crud.insert(tx, _MODEL, project_id=ctx.project_id,
                               **target, **row)
        id = self._db.write(insert)
        return self.get(ctx, id), secret

    def _sealed(self, values, secret=None):
        """Put a secret into the values, one that is made here if none is
        given; returns it."""
        form = values['signature']
        if secret is None:
            secret = signatures.new_secret(form)
        else:
            signatures.check_secret(form, secret)
        values['secret'] = self._secrets.encrypt(secret)
        return secret

    def get(self, ctx, id):
        """One webhook."""
        return self._db.read(lambda tx: _find(tx, ctx.reach(), id))

    def list(self, ctx, filters, page):
        """Webhooks."""
        conditions = [crud.condition(_MODEL, name, text)
                      for name, text in filters.items()]
        return self._db.read(lambda tx: crud.listing(
            tx, ctx, _MODEL, conditions, page))

    def update(self, ctx, id, values, match=None):
        """Change a webhook of the caller's own project; the next delivery
        follows.

        A new alias takes the place of the function, and a new function that
        of the alias.
        """
        _check(values)
        values = {name: values[name] for name in (*TARGET, *_CHANGEABLE)
                  if name in values}
        self._db.write(lambda tx: _change(tx, ctx, id, values, match))
        return self.get(ctx, id)

    def rotate(self, ctx, id, values, match=None):
        """Give a webhook of the caller's own project another secret.

        :param values: what is given of ``secret`` (else one is made),
            ``signature`` (else the form stays, which must be there) and
            ``overlap``: seconds for which the present secret stays good.
        :returns: (the webhook, the secret).
        """
        _check(values)
        overlap = values.get('overlap', OVERLAP)
        if not 0 <= overlap <= MOST_OVERLAP:
            raise exception.Invalid(
                f'overlap must be between 0 and {MOST_OVERLAP} seconds.')
        return self._db.write(lambda tx: self._rotate(
            tx, ctx, id, dict(values, overlap=overlap), match))

    def _rotate(self, tx, ctx, id, given, match):
        row = _find(tx, ctx, id, match, lock=True)
        values = dict(_NO_SECRET,
                      signature=given.get('signature', row.signature))
        if values['signature'] is None:
            raise exception.Invalid(
                'The webhook has no signature yet; say which one.')
        secret = self._sealed(values, given.get('secret'))
        if given['overlap'] and values['signature'] == row.signature:
            values.update(
                previous_secret=row.secret,
                previous_until=models.now() + datetime.timedelta(
                    seconds=given['overlap']))
        crud.update(tx, _MODEL, id, values)
        return _find(tx, ctx, id), secret

    def unseal(self, ctx, id, match=None):
        """Forget the secrets of a webhook of the caller's own project: any
        sender may use it from then on."""
        self._db.write(lambda tx: _change(tx, ctx, id, _NO_SECRET, match))

    def delete(self, ctx, id, match=None):
        """Delete a webhook; its URL is good for nothing from then on."""
        def remove(tx):
            _find(tx, ctx.reach(), id, match, lock=True)
            crud.delete(tx, _MODEL, id)
        self._db.write(remove)


def _find(tx, ctx, id, match=None, lock=False):
    row = crud.get(tx, ctx, _MODEL, lock=lock, id=id)
    if row is None:
        raise exception.WebhookNotFound(id=id)
    preconditions.check(row, match)
    return row


def _change(tx, ctx, id, values, match):
    row = _find(tx, ctx, id, match, lock=True)
    if set(TARGET) & set(values):
        values = dict(values, **_retarget(row, values))
        targets.hold_reference(
            tx, ctx, **{name: values[name] for name in TARGET})
    if values:
        crud.update(tx, _MODEL, id, values)


def _retarget(row, values):
    """What a webhook runs after a change of it."""
    if 'function_alias' in values:
        return _target(values)
    id = values.get('function_id', row.function_id)
    if id is None:
        raise exception.Invalid(
            'The webhook runs what an alias points at; give function_id '
            'together with function_version.')
    return _target({'function_id': id, 'function_version': values.get(
        'function_version', row.function_version)})


def _target(values):
    """The three columns; an alias wins over a function."""
    alias = values.get('function_alias')
    if alias is not None:
        return {'function_id': None, 'function_version': None,
                'function_alias': alias}
    return {'function_id': values['function_id'], 'function_alias': None,
            'function_version': values.get('function_version') or 0}


def _check(values):
    for name in ('description', 'function_alias'):
        validation.text(name, values.get(name))
    for name, known in (('payload', payloads.PAYLOADS),
                        ('signature', signatures.FORMS)):
        if name in values and values[name] not in known:
            raise exception.Invalid(
                f'{name} must be one of: {", ".join(known)}.')
