# SPDX-License-Identifier: Apache-2.0
"""Workers, as far as the core has to do with them."""

from oslo_log import log

from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling import exception

LOG = log.getLogger(__name__)

#: Workers that one request may add or take away.
MOST_WORKERS = 100


def retire(engine, function_id, version):
    """Have the workers go that served what was just changed or deleted.

    Nothing depends on it: what a worker has loaded is part of what it is
    chosen by, so that nothing runs on these again, and idle workers go by
    themselves.  So a change is not refused because no engine hears of it.
    """
    try:
        engine.detach(function_id, version)
    except exception.Unavailable as e:
        LOG.warning('Workers of function %s stay until they have been idle '
                    'for long: %s', function_id, e)


class Served:
    """What may happen to the workers of functions; has ``_db``, ``_engine``
    and ``_source``, see :class:`qinling.core.function.functions.Functions`."""

    def workers(self, ctx, id, version):
        """Names of the workers that serve a function now."""
        return self._engine.workers(id, version)

    def scale_up(self, ctx, id, version, count):
        """Have ``count`` workers more."""
        self._scale(ctx, id, version, count, self._engine.scale_up)

    def scale_down(self, ctx, id, version, count):
        """Have ``count`` workers less; one always remains."""
        self._scale(ctx, id, version, count, self._engine.scale_down)

    def _scale(self, ctx, id, version, count, action):
        if not 1 <= count <= MOST_WORKERS:
            raise exception.Invalid(
                f'count must be at least 1 and at most {MOST_WORKERS}.')
        action(self._with_workers(ctx, id, version), count)

    def _with_workers(self, ctx, id, version):
        """The target of something that can have workers."""
        target = self._db.read(lambda tx: targets.resolve(
            tx, ctx.reach(), id, version))
        if not self._source(target.code['source']).has_package:
            raise exception.Invalid(
                'An image function has no workers: each execution has a '
                'container of its own.')
        return target

    def provision(self, ctx, id, version, count):
        """Have each engine keep ``count`` workers warm, 0 for none."""
        if not 0 <= count <= MOST_WORKERS:
            raise exception.Invalid(
                f'count must be at least 0 and at most {MOST_WORKERS}.')
        self._with_workers(ctx, id, version)
        self._db.write(lambda tx: _provision(tx, ctx, id, version, count))

    def detach(self, ctx, id, version):
        """Drop the workers of a function; the next execution gets new
        ones."""
        self._db.read(lambda tx: targets.resolve(
            tx, ctx.reach(), id, version))
        self._engine.detach(id, version)


def _provision(tx, ctx, id, version, count):
    model = models.Function
    if version:
        model = models.FunctionVersion
        row = crud.get(tx, ctx.reach(), model, function_id=id,
                       version_number=version)
        id = row and row.id
    crud.update(tx, model, id, {'min_workers': count})
