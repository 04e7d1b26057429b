# SPDX-License-Identifier: Apache-2.0
"""Workers of functions and versions, on request of their owners."""

from collections.abc import Callable
from collections.abc import Mapping

from oslo_log import log

from qinling import context
from qinling.core import engine_client
from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.sources import base as sources_base

LOG = log.getLogger(__name__)

#: Workers that one request may start or retire.
MAX_COUNT = 100


def retire(engine: engine_client.EngineClient, function_id: str,
           version: int | None) -> None:
    """Retire the workers of code that was changed or deleted.

    Only an optimization: workers are chosen by their fingerprint, so old
    workers receive no execution, and expire.  A change therefore succeeds
    without an engine.
    """
    try:
        engine.detach(function_id, version)
    except exception.Unavailable as e:
        LOG.warning('Could not retire the workers of function %s; they '
                    'expire when idle: %s', function_id, e)


class WorkerScaling:
    """Operations on the workers of functions and versions."""

    def __init__(self, db: session.Database,
                 engine: engine_client.EngineClient,
                 sources: Mapping[str, sources_base.Source]) -> None:
        self._db = db
        self._engine = engine
        self._sources = sources

    def workers(self, ctx: context.RequestContext, id: str, version: int
                ) -> list[str]:
        """Return the names of the workers of a function."""
        return self._engine.list_workers(id, version)

    def scale_up(self, ctx: context.RequestContext, id: str, version: int,
                 count: int) -> None:
        """Start ``count`` more workers."""
        self._scale(ctx, id, version, count, self._engine.scale_up)

    def scale_down(self, ctx: context.RequestContext, id: str, version: int,
                   count: int) -> None:
        """Retire ``count`` workers; at least one remains."""
        self._scale(ctx, id, version, count, self._engine.scale_down)

    def _scale(self, ctx: context.RequestContext, id: str, version: int,
               count: int, action: Callable[[targets.Target, int], None]
               ) -> None:
        if not 1 <= count <= MAX_COUNT:
            raise exception.Invalid(
                f'count must be at least 1 and at most {MAX_COUNT}.')
        action(self._resolve(ctx, id, version), count)

    def _resolve(self, ctx: context.RequestContext, id: str, version: int
                 ) -> targets.Target:
        """Return the target of a function that runs on workers."""
        target = self._db.read(targets.resolve, ctx.visible_scope(), id,
                               version)
        if not self._sources[target.code['source']].has_package:
            raise exception.Invalid(
                'An image function has no workers: each execution has a '
                'container of its own.')
        return target

    def provision(self, ctx: context.RequestContext, id: str, version: int,
                  count: int) -> None:
        """Keep ``count`` warm workers, 0 for no minimum."""
        if not 0 <= count <= MAX_COUNT:
            raise exception.Invalid(
                f'count must be at least 0 and at most {MAX_COUNT}.')
        self._resolve(ctx, id, version)
        self._db.write(
            lambda tx: _set_minimum(tx, ctx, id, version, count))

    def detach(self, ctx: context.RequestContext, id: str, version: int
               ) -> None:
        """Retire all workers; the next execution gets new workers."""
        self._db.read(targets.resolve, ctx.visible_scope(), id, version)
        self._engine.detach(id, version)


def _set_minimum(tx: session.Connection, ctx: context.RequestContext,
                 id: str, version: int, count: int) -> None:
    if not version:
        crud.update(tx, models.Function, id, {'min_workers': count})
        return
    row = crud.get(tx, ctx.visible_scope(), models.FunctionVersion,
                   function_id=id, version_number=version)
    if row is not None:
        crud.update(tx, models.FunctionVersion, row.id,
                    {'min_workers': count})
