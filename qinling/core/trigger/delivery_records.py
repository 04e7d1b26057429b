# SPDX-License-Identifier: Apache-2.0
"""Deliveries on record: lists, bodies, and replays of the same bytes."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import typing

from oslo_config import cfg

from qinling import context
from qinling.core import collection
from qinling.core.execution import records
from qinling.core.trigger import base
from qinling.core.trigger import delivery_log
from qinling.core.trigger import payloads
from qinling.core.trigger import previews
from qinling.core.trigger import webhooks
from qinling.db import crud
from qinling.db import filtering
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.states import Trigger

_MODEL = models.Delivery
_EXECUTION = models.Execution
#: Deliveries that one request replays.
MAX_REPLAYS = 100
_REPLAYABLE = (delivery_log.DeliveryStatus.ACCEPTED.value,
               delivery_log.DeliveryStatus.REFUSED.value)


@dataclasses.dataclass(frozen=True)
class ReplayTarget:
    """What a replay runs, by default the target of the webhook.

    A version or an alias belongs to the function of the webhook;
    ``function_id`` is any function of the project.
    """

    function_id: str | None = None
    function_version: int | None = None
    function_alias: str | None = None

    def __post_init__(self) -> None:
        if self.function_alias is not None and (
                self.function_id is not None
                or self.function_version is not None):
            raise exception.Invalid(
                'Use either function_alias, or function_id and '
                'function_version, not both.')

    def resolve(self, db: session.Database, webhook: typing.Any
                ) -> dict[str, typing.Any]:
        """Return the fields of an execution request that name the target.

        :raises NotFound: no such version or alias exists.
        """
        if self.function_id is not None:
            return {'function_id': self.function_id,
                    'function_version': self.function_version or 0}
        preview = None
        if self.function_alias is not None or self.function_version:
            preview = previews.Preview(self.function_version,
                                       self.function_alias)
        return previews.resolve(db, webhook, preview)


@dataclasses.dataclass(frozen=True)
class Replay:
    """Result of the replay of one delivery.

    ``delivery_id`` and ``execution_id`` are new; ``reason`` says why nothing
    ran.
    """

    source_id: str
    delivery_id: str | None = None
    execution_id: str | None = None
    reason: str | None = None


class DeliveryRecords(collection.Collection):
    """Operations on the deliveries of a webhook."""

    model = _MODEL
    not_found = exception.DeliveryNotFound

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 webhooks_core: webhooks.Webhooks, triggers: base.Triggers,
                 log: delivery_log.DeliveryLog) -> None:
        super().__init__(db)
        self._options = conf.webhooks
        self._webhooks = webhooks_core
        self._triggers = triggers
        self._log = log

    def list_of(self, ctx: context.RequestContext, webhook_id: str,
                filters: filtering.Texts, page: crud.Page
                ) -> Sequence[typing.Any]:
        """Return a page of the deliveries of a webhook, without bodies."""
        webhook = self._webhooks.get(ctx, webhook_id)
        conditions = [_MODEL.webhook_id == webhook.id,
                      *filtering.list_conditions(_MODEL, filters)]
        return self._db.read(
            crud.select_page, ctx.visible_scope(), _MODEL, conditions, page,
            ('body',))

    def get_of(self, ctx: context.RequestContext, webhook_id: str, id: str
               ) -> typing.Any:
        """Return a delivery with its body.

        :raises WebhookNotFound, DeliveryNotFound: the caller sees none.
        """
        webhook = self._webhooks.get(ctx, webhook_id)
        row = self.get(ctx, id)
        if row.webhook_id != webhook.id:
            raise exception.DeliveryNotFound(id=id)
        return row

    def read_body(self, ctx: context.RequestContext, webhook_id: str, id: str
                  ) -> bytes:
        """Return the body of a delivery.

        :raises BodyNotKept: the body is not on record.
        """
        return _get_body(self.get_of(ctx, webhook_id, id))

    def read_executions(self, rows: Sequence[typing.Any]
                        ) -> Mapping[str, typing.Any]:
        """Return status and attempts of the executions of deliveries."""
        ids = {row.execution_id for row in rows if row.execution_id}
        if not ids:
            return {}
        return {row.id: row for row in self._db.read(lambda tx: crud.select(
            tx, _EXECUTION, _EXECUTION.id.in_(ids), only=(
                _EXECUTION.id, _EXECUTION.status, _EXECUTION.attempt)))}

    def replay(self, ctx: context.RequestContext, webhook_id: str, id: str,
               target: ReplayTarget) -> typing.Any:
        """Run a function with the bytes of a delivery again.

        The execution is asynchronous, and no signature is checked.

        :returns: the delivery of the replay.
        :raises BodyNotKept: the body is not on record.
        """
        webhook = self._webhooks.get(ctx, webhook_id)
        row = self.get_of(ctx, webhook_id, id)
        entry_id, _ = self._replay(
            ctx, webhook, row, target.resolve(self._db, webhook))
        return self.get(ctx, entry_id)

    def replay_many(self, ctx: context.RequestContext, webhook_id: str,
                    filters: filtering.Texts, page: crud.Page,
                    target: ReplayTarget, dry_run: bool = False
                    ) -> tuple[Sequence[Replay], str | None]:
        """Replay the deliveries of a webhook that filters select.

        Repeated deliveries, challenges and replays are left out.

        :returns: the results, and the marker of the next page, if any.
        """
        if not 1 <= (page.limit or 0) <= MAX_REPLAYS:
            raise exception.Invalid(
                f'limit must be between 1 and {MAX_REPLAYS}.')
        webhook = self._webhooks.get(ctx, webhook_id)
        reference = target.resolve(self._db, webhook)
        conditions = [_MODEL.webhook_id == webhook.id,
                      _MODEL.status.in_(_REPLAYABLE),
                      _MODEL.replay_of.is_(None),
                      *filtering.list_conditions(_MODEL, filters)]
        rows = self._db.read(crud.select_page, ctx.visible_scope(), _MODEL,
                             conditions, page, ('body',))
        results = [Replay(row.id) if dry_run else self._replay_one(
            ctx, webhook, row.id, reference) for row in rows]
        marker = rows[-1].id if len(rows) == page.limit else None
        return results, marker

    def _replay_one(self, ctx: context.RequestContext, webhook: typing.Any,
                    id: str, reference: Mapping[str, typing.Any]) -> Replay:
        try:
            return Replay(id, *self._replay(
                ctx, webhook, self.get(ctx, id), reference))
        except exception.QinlingError as e:
            return Replay(id, reason=str(e))

    def _replay(self, ctx: context.RequestContext, webhook: typing.Any,
                row: typing.Any, reference: Mapping[str, typing.Any]
                ) -> tuple[str, str]:
        """Return the ids of the new delivery and of its execution."""
        delivery = self._create_delivery(webhook, row)
        # A replay is on record even if the webhook keeps no deliveries.
        entry = self._log.build_entry(
            webhook, delivery, replay_of=row.id, status_code=202,
            source_address=row.source_address)
        execution = self._triggers.fire(
            context.project_owner(webhook.project_id, ctx),
            records.ExecutionRequest(
                **reference, input=payloads.PAYLOADS[webhook.payload](
                    delivery),
                description=f'Created by Webhook {webhook.id}, replay of '
                            f'delivery {row.id}',
                trigger=Trigger.WEBHOOK.value), companion=entry)
        return entry.columns['id'], execution.id

    def _create_delivery(self, webhook: typing.Any, row: typing.Any
                         ) -> payloads.Delivery:
        body = _get_body(row)
        headers: dict[str, str] = {}
        for name, value in row.headers:
            name = name.lower()
            if value != delivery_log.MASK:
                headers[name] = (f'{headers[name]}, {value}'
                                 if name in headers else value)
        delivery = payloads.Delivery(
            row.method, headers, row.query, lambda: body, row.path,
            pairs=row.headers, max_size=self._options.max_body_size,
            is_signed=webhook.signature is not None,
            verdict=delivery_log.Verdict.REPLAYED.value)
        _ = delivery.body
        return delivery


def _get_body(row: typing.Any) -> bytes:
    if not row.has_body:
        raise exception.BodyNotKept(id=row.id)
    return bytes(row.body or b'')
