# SPDX-License-Identifier: Apache-2.0
"""Deliveries: requests to the URL of a webhook run the function.

Senders need no account.  So every step is cheap for a rejected delivery, and
a sender without the secret of a webhook cannot use up the rate limit.
"""

import typing

from oslo_config import cfg

from qinling import context
from qinling.core.execution import records
from qinling.core import idempotency
from qinling.core import secrets as secrets_module
from qinling.core.trigger import base
from qinling.core.trigger import methods
from qinling.core.trigger import payloads
from qinling.core.trigger import previews
from qinling.core.trigger import rate_limit
from qinling.core.trigger import rejection_counter
from qinling.core.trigger import signatures
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import Trigger

_MODEL = models.Webhook


class Deliveries:
    """Accepts deliveries for the webhooks of all projects."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 triggers: base.Triggers, secrets: secrets_module.Secrets,
                 limit: rate_limit.Limit) -> None:
        self._db = db
        self._triggers = triggers
        self._secrets = secrets
        self._tolerance = conf.webhooks.signature_tolerance
        self._rate_limit = limit
        self._rejections = rejection_counter.RejectionCounter(db)

    def get_webhook(self, id: str, preview: previews.Preview | None = None
                    ) -> typing.Any:
        """Return the webhook of a URL, for any sender.

        :raises WebhookNotFound: no such webhook exists, or the webhook has
            no previews.
        """
        row = self._db.read(crud.get, context.admin(), _MODEL, id=id)
        if row is None or preview is not None and not row.previews:
            raise exception.WebhookNotFound(id=id)
        return row

    def accept(self, webhook: typing.Any, delivery: payloads.Delivery,
               caller: context.RequestContext | None = None,
               preview: previews.Preview | None = None
               ) -> tuple[records.ExecutionRow, bool]:
        """Run the function of a webhook.

        A repeated delivery runs nothing, and gets the answer of the first.

        :param webhook: row of :meth:`get_webhook`.
        :param caller: context of the request, whose ids the execution
            inherits.
        :param preview: version or alias to run instead of the target.
        :returns: the execution, and whether the delivery is a repeat.
        :raises MethodRefused, SignatureRefused, RateLimited, TooLarge,
            QuotaExceeded: the delivery is rejected, and counted.
        """
        try:
            return self._run(webhook, delivery, caller, preview)
        except exception.QinlingError as e:
            rejection = e
        # Outside the clause, since log lines would repeat the traceback.
        self._rejections.count(webhook.id, rejection)
        raise rejection

    def _run(self, webhook: typing.Any, delivery: payloads.Delivery,
             caller: context.RequestContext | None,
             preview: previews.Preview | None
             ) -> tuple[records.ExecutionRow, bool]:
        methods.check(webhook, delivery.method)
        delivery.is_signed = webhook.signature is not None
        self._authenticate(webhook, delivery)
        request = _idempotent_request(webhook, delivery, preview)
        reference = previews.resolve(self._db, webhook, preview)
        row = self._triggers.fire(
            context.project_owner(webhook.project_id, caller),
            records.ExecutionRequest(
                **reference, sync=webhook.sync,
                input=payloads.PAYLOADS[webhook.payload](delivery),
                description=f'Created by Webhook {webhook.id}',
                trigger=Trigger.WEBHOOK.value), request)
        return row, request is not None and request.repeated

    def _authenticate(self, webhook: typing.Any,
                      delivery: payloads.Delivery) -> None:
        """Reject deliveries of strangers, and those over the rate limit."""
        if webhook.signature is None:
            delivery.usage = self._rate_limit.hit(webhook.id)
            # Read the body here: the payload of some webhooks has none.
            _ = delivery.body
            return
        secrets = [self._secrets.decrypt(webhook.secret)]
        until = webhook.previous_until
        if until is not None and until > models.now():
            secrets.append(self._secrets.decrypt(webhook.previous_secret))
        signatures.verify(webhook.signature, secrets, delivery.headers,
                          delivery.body, self._tolerance)
        delivery.usage = self._rate_limit.hit(webhook.id)

    def close(self) -> None:
        """Write the buffered counts."""
        self._rejections.close()


def _idempotent_request(webhook: typing.Any,
                        delivery: payloads.Delivery,
                        preview: previews.Preview | None
                        ) -> idempotency.IdempotentRequest | None:
    """Return the request under the id that the sender gave the delivery.

    Only an ``Idempotency-Key`` promises that equal ids mean equal contents.
    """
    source, id = payloads.sender_id(webhook.signature, delivery)
    if source is None or id is None:
        return None
    content: tuple[bytes, ...] = ()
    if source == payloads.KEY:
        content = (delivery.method.encode(), delivery.query.encode(),
                   delivery.body)
    return idempotency.create_request(
        id, ('webhook', webhook.id, source,
             *(preview.scope if preview else ())), content)
