# SPDX-License-Identifier: Apache-2.0
"""Turns of the engines: look at a rollout, decide, write the decision.

Every engine looks at every running rollout.  The revision of the row lets one
look count, so each execution is weighed and each step is taken once, and an
engine that dies leaves either all of a turn or nothing.
"""

from collections.abc import Mapping
import dataclasses
import datetime
import typing

from oslo_log import log

from qinling import context
from qinling.core.function import aliases
from qinling.core.rollout import judge
from qinling.db import crud
from qinling.db import models
from qinling.db import rollout_queries
from qinling.db import session
from qinling import exception
from qinling.states import RolloutStatus

LOG = log.getLogger(__name__)

_MODEL = models.Rollout
#: Executions and rollouts of one turn.
MAX_EXECUTIONS, MAX_ROLLOUTS = 2000, 100
#: Seconds for which an ended execution may not be visible yet.
OPEN_SECONDS = 1

_Target = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Decision:
    """New status of a rollout, or its next step; neither for a hold."""

    status: RolloutStatus | None = None
    step: int | None = None
    reason: str = ''


def divide(function_id: str, from_version: int, to_version: int,
           weight: float) -> _Target:
    """Return the target of an alias within a step.

    :param weight: share of the new version.
    """
    return {'function_id': function_id, 'function_version': from_version,
            'routing': {str(from_version): round(1 - weight, 9),
                        str(to_version): weight}}


def _final_target(row: typing.Any, status: RolloutStatus) -> _Target | None:
    """Return the target after a rollout, ``None`` to keep the present one."""
    versions = {RolloutStatus.SUCCEEDED: row.to_version,
                RolloutStatus.ROLLED_BACK: row.from_version,
                RolloutStatus.ABORTED: row.from_version}
    if status not in versions:
        return None
    return {'function_id': row.function_id,
            'function_version': versions[status], 'routing': None}


def decide(row: typing.Any, judgement: judge.Judgement,
           now: datetime.datetime) -> Decision:
    """Return what follows from the executions so far.

    Too few executions, or too little time, never count as a success.
    """
    step = row.steps[row.step]
    age = (now - row.step_started_at).total_seconds()
    is_end = (judgement.step_count >= step['min_executions']
              and age >= step['min_time'])
    breach = judgement.find_breach(row.guards)
    if is_end and not breach:
        breach = judgement.find_breach(row.guards, len(row.steps))
    if breach:
        if row.on_breach == 'pause':
            return Decision(RolloutStatus.PAUSED, reason=breach)
        return Decision(RolloutStatus.ROLLED_BACK, reason=breach)
    if not is_end:
        return Decision()
    figures = (f'{judgement.step_count} executions of the new version in '
               f'{age:.0f} s; {judgement.describe(row.guards)}')
    if row.step + 1 == len(row.steps):
        return Decision(RolloutStatus.SUCCEEDED, reason=figures)
    return Decision(step=row.step + 1, reason=figures)


class Reporter(typing.Protocol):
    """Receiver of the decisions of an engine, after their commit."""

    def report(self, row: typing.Any, decision: Decision) -> None:
        """Report a decision.

        :param row: the rollout as read before the decision.
        """


class Turns:
    """Turns of one engine."""

    def __init__(self, db: session.Database, reporter: Reporter | None = None
                 ) -> None:
        self._db = db
        self._reporter = reporter

    def run(self) -> bool:
        """Look at every running rollout.

        :returns: whether executions are left for the next turn.
        """
        rows = self._db.read(lambda tx: crud.select(
            tx, _MODEL, _MODEL.status == RolloutStatus.RUNNING.value,
            limit=MAX_ROLLOUTS))
        return any([self._look(row) for row in rows])

    def _look(self, row: typing.Any) -> bool:
        now = models.now()
        executions = self._db.read(
            lambda tx: rollout_queries.ended_executions(
                tx, row, now - datetime.timedelta(seconds=OPEN_SECONDS),
                MAX_EXECUTIONS))
        judgement = judge.Judgement.load(row.judgement)
        judgement.add(judge.observe_all(executions, row.to_version),
                      row.guards)
        decision = decide(row, judgement, now)
        values = {}
        if executions:
            values = {'seen_until': executions[-1].updated_at,
                      'seen_id': executions[-1].id,
                      'judgement': judgement.dump()}
        if values or decision != Decision():
            self._write(row, decision, values)
        return len(executions) == MAX_EXECUTIONS

    def _write(self, row: typing.Any, decision: Decision,
               values: Mapping[str, typing.Any]) -> None:
        """Write a decision; report one that this engine has committed."""
        try:
            is_written = self._db.write(lambda tx: write(
                tx, context.admin(row.project_id), row, decision, values))
        except exception.NotFound:
            LOG.debug('The alias of rollout %s is gone.', row.id)
            return
        if is_written and self._reporter and decision != Decision():
            self._reporter.report(row, decision)


def explain(version: int, title: str, figures: str = '') -> str:
    """Return the reason of an entry in the history of an alias."""
    return f'Rollout to version {version}, {title}. {figures}'.strip()


def write(tx: session.Connection, ctx: context.RequestContext,
          row: typing.Any, decision: Decision,
          values: Mapping[str, typing.Any]) -> bool:
    """Write a decision, and move the alias accordingly.

    :param row: the rollout as read before the decision.
    :param values: further columns.
    :returns: ``False`` when the rollout has changed since it was read.
    """
    alias = aliases.lock_row(tx, ctx, row.alias_name)
    if crud.get(tx, ctx, _MODEL, lock=True, id=row.id,
                revision=row.revision) is None:
        return False
    columns = dict(values)
    new_target, title = None, ''
    if decision.step is not None:
        new_target = divide(row.function_id, row.from_version,
                            row.to_version,
                            row.steps[decision.step]['weight'])
        title = f'step {decision.step + 1} of {len(row.steps)}'
        columns.update(
            step=decision.step, step_started_at=models.now(), judgement=dict(
                columns.get('judgement', row.judgement), step_count=0))
    elif decision.status is not None:
        new_target = _final_target(row, decision.status)
        title = decision.status.value
        columns['status_reason'] = decision.reason
    if new_target is not None:
        aliases.move(tx, ctx, alias, new_target, row.id, explain(
            row.to_version, title, decision.reason))
    status = decision.status or RolloutStatus(row.status)
    return crud.change_status(tx, _MODEL, row.id, status.value, **columns)
