# SPDX-License-Identifier: Apache-2.0
"""Deliveries: requests to the URL of a webhook run the function.

Senders need no account.  So every step is cheap for a rejected delivery, and
a sender without the secret of a webhook cannot use up the rate limit.
"""

import typing

from oslo_config import cfg

from qinling import context
from qinling.core.execution import output_stream
from qinling.core.execution import records
from qinling.core import idempotency
from qinling.core import secrets as secrets_module
from qinling.core.trigger import base
from qinling.core.trigger import challenges
from qinling.core.trigger import delivery_log
from qinling.core.trigger import methods
from qinling.core.trigger import payloads
from qinling.core.trigger import previews
from qinling.core.trigger import rate_limit
from qinling.core.trigger import rejection_counter
from qinling.core.trigger import signature_forms
from qinling.core.trigger import signatures
from qinling.core.trigger import stream_modes
from qinling.db import models
from qinling.db import queries
from qinling.db import session
from qinling import exception
from qinling.states import Trigger

_Execution = records.ExecutionRow | output_stream.OutputStream
DeliveryStatus = delivery_log.DeliveryStatus
Verdict = delivery_log.Verdict


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
        self.log = delivery_log.DeliveryLog(conf, db)

    def get_webhook(self, id: str, preview: previews.Preview | None = None
                    ) -> typing.Any:
        """Return the webhook of a URL, for any sender.

        :raises WebhookNotFound: no such webhook exists, or the webhook has
            no previews.
        """
        row = self._db.read(queries.webhook_by_id, id)
        if row is None or preview is not None and not row.previews:
            raise exception.WebhookNotFound(id=id)
        return row

    def accept(self, webhook: typing.Any, delivery: payloads.Delivery,
               caller: context.RequestContext | None = None,
               preview: previews.Preview | None = None
               ) -> tuple[_Execution, bool]:
        """Run the function of a webhook.

        A repeated delivery runs nothing, and gets the answer of the first.
        A synchronous webhook may stream the output, which the caller closes.

        :param webhook: row of :meth:`get_webhook`.
        :param caller: context of the request, whose ids the execution
            inherits.
        :param preview: version or alias to run instead of the target.
        :returns: the execution, and whether the delivery is a repeat.
        :raises MethodRefused, SignatureRefused, RateLimited, TooLarge,
            QuotaExceeded: the delivery is rejected, and counted.
        :raises ExecutionDeleted: the accepted delivery has no result.
        """
        try:
            return self._run(webhook, delivery, caller, preview)
        except exception.ExecutionDeleted:
            # The delivery was accepted, and has run.
            raise
        except exception.QinlingError as e:
            rejection = e
        # Outside the clause, since log lines would repeat the traceback.
        self._reject(webhook, delivery, rejection)

    def answer_challenge(self, webhook: typing.Any,
                         delivery: payloads.Delivery) -> str | None:
        """Return the answer to a challenge of a sender, or ``None``.

        :raises SignatureRefused, RateLimited, TooLarge: see :meth:`accept`.
        """
        if webhook.signature not in challenges.FORMS:
            return None
        try:
            answer = challenges.find_open(webhook, delivery)
            if answer is None and challenges.may_be_signed(webhook, delivery):
                self._authenticate(webhook, delivery)
                answer = challenges.find_signed(delivery)
        except exception.QinlingError as e:
            rejection = e
        else:
            if answer is not None:
                self.log.record(webhook, delivery, DeliveryStatus.ANSWERED,
                                status_code=200)
            return answer
        self._reject(webhook, delivery, rejection)

    def _reject(self, webhook: typing.Any, delivery: payloads.Delivery,
                error: exception.QinlingError) -> typing.NoReturn:
        self._rejections.count(webhook.id, error)
        self.log.record_refusal(webhook, delivery, error)
        raise error

    def record_answer(self, delivery: payloads.Delivery, status_code: int
                      ) -> None:
        """Record the status of an answer that the function has determined."""
        entry = delivery.entry
        if entry is not None and entry.columns['status_code'] is None:
            self.log.record_answer(entry, status_code)

    def _run(self, webhook: typing.Any, delivery: payloads.Delivery,
             caller: context.RequestContext | None,
             preview: previews.Preview | None
             ) -> tuple[_Execution, bool]:
        methods.check(webhook, delivery.method)
        delivery.is_signed = webhook.signature is not None
        self._authenticate(webhook, delivery)
        request = _idempotent_request(webhook, delivery, preview)
        reference = previews.resolve(self._db, webhook, preview)
        entry = self.log.create_entry(webhook, delivery)
        execution = self._start(webhook, context.project_owner(
            webhook.project_id, caller), records.ExecutionRequest(
                **reference, sync=webhook.sync,
                input=payloads.PAYLOADS[webhook.payload](delivery),
                description=f'Created by Webhook {webhook.id}',
                trigger=Trigger.WEBHOOK.value, headers=delivery.headers),
            request, entry)
        if request is not None and request.repeated:
            self.log.record(
                webhook, delivery, DeliveryStatus.REPEATED,
                execution_id=_find_row(execution).id)
            return execution, True
        delivery.entry = entry
        return execution, False

    def _start(self, webhook: typing.Any, owner: context.RequestContext,
               request: records.ExecutionRequest,
               idempotent: idempotency.IdempotentRequest | None,
               entry: delivery_log.Entry | None) -> _Execution:
        if webhook.sync and webhook.stream != stream_modes.OFF:
            return self._triggers.open_stream(
                owner, request, idempotent,
                webhook.stream == stream_modes.CANCEL, entry)
        return self._triggers.fire(owner, request, idempotent, entry)

    def _authenticate(self, webhook: typing.Any,
                      delivery: payloads.Delivery) -> None:
        """Reject deliveries of strangers, and those over the rate limit."""
        if webhook.signature is None:
            delivery.verdict = Verdict.UNSIGNED.value
            delivery.usage = self._rate_limit.hit(webhook.id)
            # Read the body here: the payload of some webhooks has none.
            _ = delivery.body
            return
        secrets = [self._secrets.decrypt(webhook.secret)]
        until = webhook.previous_until
        if until is not None and until > models.now():
            secrets.append(self._secrets.decrypt(webhook.previous_secret))
        message = delivery.message
        delivery.verdict = Verdict.INVALID.value
        signatures.verify(webhook.signature, secrets, message,
                          self._tolerance)
        delivery.verdict = Verdict.VALID.value
        delivery.headers.pop(signature_forms.SECRET_HEADERS.get(
            webhook.signature, ''), None)
        delivery.usage = self._rate_limit.hit(webhook.id)

    def close(self) -> None:
        """Write the buffered counts and deliveries."""
        self._rejections.close()
        self.log.flush()


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
                   delivery.body, *(
                       [delivery.path.encode()] if delivery.path else ()))
    return idempotency.create_request(
        id, ('webhook', webhook.id, source,
             *(preview.scope if preview else ())), content)


def _find_row(execution: _Execution) -> records.ExecutionRow:
    return (execution.row if isinstance(execution, output_stream.OutputStream)
            else execution)
