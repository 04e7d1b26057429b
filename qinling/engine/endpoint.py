# SPDX-License-Identifier: Apache-2.0
"""The engine's verbs on the message bus: what comes in is plain data."""

from qinling import context
from qinling.core.execution import concurrency
from qinling.core import targets
from qinling import exception
from qinling import rpc


class Endpoint:
    """Hands each message to the engine; see :mod:`qinling.rpc` for what
    they hold.

    :param threads: synchronous executions at the same time; see
        :mod:`qinling.core.execution.concurrency`.
    """

    def __init__(self, engine, threads):
        self._engine = engine
        self._shares = concurrency.Shares(threads)

    def run(self, _ctx, row, target):
        context.following(
            row.get('trail'), target['project_id']).use_in_log()
        return rpc.refuses(self._run)(row, targets.Target(**target))

    def _run(self, row, target):
        refusal = exception.Unavailable(
            reason='the engine has as many executions of the function, or of '
                   'its project, as it takes; try again later.')
        with self._shares.one(
                target.project_id, target.function_id, refusal):
            outcome = self._engine.run(row, target)
        if outcome is not None:
            outcome['updated_at'] = outcome['updated_at'].isoformat()
        return outcome

    def start(self, _ctx, row, target):
        self._engine.start(row, targets.Target(**target))

    def lives(self, _ctx, owner):
        return self._engine.lives(owner)

    def cancel(self, _ctx, id):
        self._engine.cancel(id)

    def ensure_runtime(self, _ctx, id, previous_image):
        self._engine.ensure_runtime(id, previous_image)

    def delete_runtime(self, _ctx, id):
        self._engine.delete_runtime(id)

    def pool(self, _ctx, id):
        return self._engine.pool(id)

    def workers(self, _ctx, function_id, version):
        return self._engine.workers(function_id, version)

    def workers_of(self, _ctx, runtime_id):
        return self._engine.workers_of(runtime_id)

    def scale_up(self, _ctx, target, count):
        self._engine.scale_up(targets.Target(**target), count)

    def scale_down(self, _ctx, target, count):
        self._engine.scale_down(targets.Target(**target), count)

    def install(self, _ctx, target):
        self._engine.install(targets.Target(**target))

    def detach(self, _ctx, function_id, version):
        self._engine.detach(function_id, version)
