# SPDX-License-Identifier: Apache-2.0
"""Deliveries: what comes in at the URL of a webhook, and runs its function.

Nobody has to say who he is.  So each step is as cheap as can be for what is
refused in the end, and a sender without the secret of a webhook can use up
none of its rate.
"""

import types

from qinling import context
from qinling.core import idempotency
from qinling.core.trigger import payloads
from qinling.core.trigger import rate_limit
from qinling.core.trigger import rejection_counter
from qinling.core.trigger import signatures
from qinling.db import crud
from qinling.db import models
from qinling import exception

_MODEL = models.Webhook


class Deliveries:
    """Takes deliveries, each for a webhook of any project."""

    def __init__(self, conf, db, executions, secrets):
        self._db = db
        self._executions = executions
        self._secrets = secrets
        self._tolerance = conf.webhooks.signature_tolerance
        self._rates = rate_limit.Rates(conf.webhooks.rate_limit,
                                       conf.webhooks.rate_limit_storage)
        self._refusals = rejection_counter.Refusals(db)

    def webhook(self, id):
        """The webhook of a URL, whoever asks.

        :raises WebhookNotFound: there is none.
        """
        row = self._db.read(
            lambda tx: crud.get(tx, context.admin(), _MODEL, id=id))
        if row is None:
            raise exception.WebhookNotFound(id=id)
        return row

    def take(self, id, delivery, cause=None):
        """Run the function of a webhook.

        A delivery that the sender has tried before runs nothing, and is
        answered as the first one.

        :param delivery: a :class:`qinling.core.trigger.payloads.Delivery`.
        :param cause: the context of the request, whose ids go with the
            execution.
        :returns: (the execution, whether an earlier try had begun it).
        :raises WebhookNotFound, SignatureRefused, RateLimited, TooLarge:
            it is refused, which is counted.
        """
        webhook = self.webhook(id)
        try:
            return self._run(webhook, delivery, cause)
        except exception.QinlingError as e:
            refusal = e
        # Not within the clause: each line of the log would tell it twice.
        self._refusals.note(id, refusal)
        raise refusal

    def _run(self, webhook, delivery, cause):
        self._admit(webhook, delivery)
        once = _once(webhook, delivery)
        row = self._executions.create(
            context.owner(webhook.project_id, cause),
            _order(webhook, delivery), once)
        return row, once is not None and once.repeated

    def _admit(self, webhook, delivery):
        """Refuse what is not from the sender, or is too much."""
        if webhook.signature is None:
            self._rates.take(webhook.id)
            # Here, since not every function wants to know it.
            _ = delivery.body
            return
        secrets = [self._secrets.decrypt(webhook.secret)]
        until = webhook.previous_until
        if until is not None and until > models.now():
            secrets.append(self._secrets.decrypt(webhook.previous_secret))
        signatures.verify(webhook.signature, secrets, delivery.headers,
                          delivery.body, self._tolerance)
        self._rates.take(webhook.id)

    def close(self):
        """Write what was counted."""
        self._refusals.close()


def _once(webhook, delivery):
    """The sender's name for the delivery, if he has one; the same name for
    another content is an error only where the sender promises otherwise."""
    where, name = payloads.sender_id(webhook.signature, delivery)
    if name is None:
        return None
    content = ()
    if where == payloads.KEY:
        content = (delivery.method.encode(), delivery.query.encode(),
                   delivery.body)
    return idempotency.once(name, ('webhook', webhook.id, where), content)


def _order(webhook, delivery):
    make = payloads.PAYLOADS[webhook.payload]
    return types.SimpleNamespace(
        function_id=webhook.function_id,
        function_version=webhook.function_version or 0,
        function_alias=webhook.function_alias, sync=webhook.sync,
        input=make(delivery), routing_key=None,
        description=f'Created by Webhook {webhook.id}')
