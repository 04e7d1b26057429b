# SPDX-License-Identifier: Apache-2.0
"""Rollouts: an alias moves to a version in steps, under guards."""

from collections.abc import Mapping
import typing

from qinling import context
from qinling.core.function import aliases as aliases_module
from qinling.core import preconditions
from qinling.core.rollout import judge
from qinling.core.rollout import plans
from qinling.core.rollout import turns
from qinling.db import crud
from qinling.db import models
from qinling.db import rollout_queries
from qinling.db import session
from qinling import exception
from qinling import states
from qinling.states import OperationAction
from qinling.states import OperationStatus
from qinling.states import RolloutStatus

_MODEL = models.Rollout


class Rollouts:
    """Operations on the rollouts of aliases, in the project of the caller."""

    def __init__(self, db: session.Database,
                 aliases: aliases_module.Aliases) -> None:
        self._db = db
        self._aliases = aliases

    def start(self, ctx: context.RequestContext, name: str,
              values: Mapping[str, typing.Any],
              match: preconditions.Match = None) -> typing.Any:
        """Begin to move an alias to another version.

        :param values: ``function_version``; optional ``steps``, ``guards``
            and ``on_breach``, see :mod:`.plans`.
        :raises Invalid: a field is not valid.
        :raises Conflict: the alias has weights, or a rollout that runs.
        """
        alias = self._aliases.get(ctx, name)
        gate = plans.read_gate(values)
        earlier = self._read_earlier(alias.function_id,
                                     alias.function_version)
        plan = plans.validate(values, judge.measure_rate(
            earlier, models.now()))

        def insert(tx: session.Connection) -> None:
            row = aliases_module.lock_row(tx, ctx, name, match)
            _check_alias(tx, row, plan['to_version'])
            _check_replay(tx, row, plan['to_version'], *gate)
            now = models.now()
            id = models.new_id()
            judgement = judge.Judgement.begin(_observe(
                earlier, row.function_version), plan['guards'])
            baseline = row.function_version
            aliases_module.move(
                tx, ctx, row, turns.divide(
                    row.function_id, baseline, plan['to_version'],
                    plan['steps'][0]['weight']), id,
                turns.explain(plan['to_version'],
                              f'step 1 of {len(plan["steps"])}'))
            crud.insert(
                tx, _MODEL, id=id, project_id=row.project_id,
                alias_id=row.id, alias_name=name,
                function_id=row.function_id, from_version=baseline,
                status=RolloutStatus.RUNNING.value, step_started_at=now,
                seen_until=now, seen_id='', judgement=judgement.dump(),
                **plan)
        self._db.write(insert)
        return self.get(ctx, name)

    def _read_earlier(self, function_id: str, version: int
                      ) -> list[typing.Any]:
        return list(self._db.read(
            lambda tx: rollout_queries.latest_executions(
                tx, function_id, version, judge.MAX_EARLIER)))

    def get(self, ctx: context.RequestContext, name: str) -> typing.Any:
        """Return the latest rollout of an alias.

        :raises RolloutNotFound: the alias never had one.
        """
        alias = self._aliases.get(ctx, name)
        return self._db.read(lambda tx: _latest(tx, alias))

    def pause(self, ctx: context.RequestContext, name: str
              ) -> typing.Any:
        """Keep the present weights until a user decides."""
        return self._change(ctx, name, turns.Decision(
            RolloutStatus.PAUSED, reason='A user paused the rollout.'))

    def resume(self, ctx: context.RequestContext, name: str
               ) -> typing.Any:
        """Begin the present step again, with new evidence."""
        row = self.get(ctx, name)
        earlier = self._read_earlier(row.function_id, row.from_version)
        now = models.now()
        return self._change(ctx, name, turns.Decision(
            RolloutStatus.RUNNING, reason='A user resumed the rollout.'),
            step_started_at=now, seen_until=now, seen_id='',
            judgement=judge.Judgement.begin(_observe(
                earlier, row.from_version), row.guards).dump())

    def promote(self, ctx: context.RequestContext, name: str
                ) -> typing.Any:
        """Point the alias at the new version now."""
        return self._change(ctx, name, turns.Decision(
            RolloutStatus.SUCCEEDED, reason='A user promoted the version.'))

    def abort(self, ctx: context.RequestContext, name: str
              ) -> typing.Any:
        """Point the alias at the old version now."""
        return self._change(ctx, name, turns.Decision(
            RolloutStatus.ABORTED, reason='A user aborted the rollout.'))

    def _change(self, ctx: context.RequestContext, name: str,
                decision: turns.Decision, **values: typing.Any) -> typing.Any:
        """Write the decision of a user.

        :raises Conflict: the rollout is not in a status for the decision.
        """
        status = typing.cast(RolloutStatus, decision.status).value

        def change(tx: session.Connection) -> None:
            alias = aliases_module.lock_row(tx, ctx, name)
            row = _latest(tx, alias)
            is_idle = row.status == status == RolloutStatus.RUNNING
            if is_idle or row.status not in states.MOVES['Rollout'][status]:
                raise exception.Conflict(
                    reason=f'the rollout of alias {name} is {row.status}.')
            if not turns.write(tx, ctx, row, decision, values):
                raise exception.Conflict(
                    reason=f'the rollout of alias {name} has just changed; '
                           'try again.')
        self._db.write(change)
        return self.get(ctx, name)


def _latest(tx: session.Connection, alias: typing.Any) -> typing.Any:
    rows = crud.select(tx, _MODEL, _MODEL.alias_id == alias.id,
                       order=(_MODEL.created_at.desc(),), limit=1)
    if not rows:
        raise exception.RolloutNotFound(name=alias.name)
    return rows[0]


def _observe(executions: list[typing.Any], baseline: int
             ) -> list[judge.Observation]:
    """Return what earlier executions of the baseline say, newest first."""
    return judge.observe_all(
        [row for row in executions if row.function_version == baseline], -1)


def _check_alias(tx: session.Connection, alias: typing.Any, version: int
                 ) -> None:
    """Check that a rollout may start.

    :raises Invalid, Conflict: with the reason.
    """
    if crud.exists(tx, _MODEL, _MODEL.alias_id == alias.id,
                   _MODEL.status.in_(states.LIVE_ROLLOUTS)):
        raise exception.Conflict(
            reason=f'alias {alias.name} has a rollout; promote or abort '
                   'that one first.')
    if alias.routing:
        raise exception.Conflict(
            reason=f'alias {alias.name} has weights; a rollout begins at '
                   'one version. Remove the weights first.')
    if version == alias.function_version:
        raise exception.Invalid(
            f'Alias {alias.name} points at version {version} already.')


def _check_replay(tx: session.Connection, alias: typing.Any, version: int,
                  id: str | None, max_differences: int) -> None:
    """Check that a replay of the new version has ended well.

    :param id: see :func:`.plans.read_gate`.
    :raises Conflict: there is no such replay.
    """
    model = models.Operation
    if id is None:
        return
    conditions = [model.id == id] if id else []
    if not crud.exists(
            tx, model, model.project_id == alias.project_id,
            model.function_alias == alias.name,
            model.function_version == str(version),
            model.action == OperationAction.REPLAY.value,
            model.status == OperationStatus.DONE.value, model.done > 0,
            model.different <= max_differences, *conditions):
        raise exception.Conflict(
            reason=f'no replay of alias {alias.name} on version {version} '
                   f'has ended with at most {max_differences} differences; '
                   'replay the version first.')
