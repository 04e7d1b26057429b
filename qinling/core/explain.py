# SPDX-License-Identifier: Apache-2.0
"""Explanations: what a request would do, and what would refuse it.

An explanation carries out the request with all its checks in a transaction
that is rolled back, so no check exists twice.
"""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import typing

from oslo_config import cfg

from qinling import context
from qinling.core.execution import records
from qinling.core import explain_flow
from qinling.core import explain_targets
from qinling.core.function import aliases
from qinling.core.function import diffs
from qinling.core.function import drafts
from qinling.core.function import retention
from qinling.core.function import versions
from qinling.core import quotas
from qinling.core import secrets
from qinling.core import targets
from qinling.core.trigger import event_sources
from qinling.core.trigger import jobs
from qinling.core.trigger import schedule
from qinling.core.trigger import webhooks
from qinling.db import crud
from qinling.db import models
from qinling.db import rehearsal
from qinling.db import session
from qinling import exception
from qinling import states

if typing.TYPE_CHECKING:
    from qinling.core import services

#: Fire times in an explanation.
FIRE_TIMES = 5
#: Names of changed files in an explanation.
MAX_FILES = 10

_Values = Mapping[str, typing.Any]
_Effects = list[str]
_Action = Callable[[rehearsal.Rehearsal], _Effects]


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What a request would do.

    ``refusal`` is the error of the request, ``None`` if it would succeed;
    ``effects`` are sentences; ``targets`` are what executions would run.
    """

    refusal: str | None
    effects: _Effects
    targets: list[explain_targets.ExplainedTarget]
    allowed: bool


class Explainer:
    """Explains requests; nothing is written and nothing runs."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 backends: 'services.Backends',
                 differences: diffs.Differences) -> None:
        self._conf = conf
        self._db = db
        self._backends = backends
        self._differences = differences
        self._targets = explain_targets.TargetExplainer(conf)

    def execution(self, ctx: context.RequestContext,
                  request: records.ExecutionRequest) -> Explanation:
        """Explain the start of an execution."""
        explanation = self._explain(ctx, request, lambda db: db.write(
            lambda tx: explain_flow.arrive(tx, ctx, request)))
        problems = [problem for target in explanation.targets
                    for problem in target.problems]
        if explanation.allowed and problems:
            return dataclasses.replace(
                explanation, refusal=problems[0], allowed=False)
        return explanation

    def publication(self, ctx: context.RequestContext, function_id: str,
                    values: _Values) -> Explanation:
        """Explain the publication of a version.

        :param values: see :meth:`.versions.Versions.prepare`.
        :raises FunctionNotFound: the caller sees no such function.
        """
        function = self._db.read(crud.get, ctx.visible_scope(),
                                 models.Function, id=function_id)
        if function is None:
            raise exception.FunctionNotFound(id=function_id)

        # Outside of the transaction: a large package takes time.
        draft: drafts.Draft | exception.QinlingError
        try:
            draft = self._versions(self._db).prepare(ctx, function_id, values)
        except exception.QinlingError as e:
            draft = e

        def publish(db: rehearsal.Rehearsal) -> _Effects:
            if isinstance(draft, exception.QinlingError):
                raise draft
            row, result = self._versions(db).insert(ctx, function_id, draft)
            return [f'The current code becomes version {row.version_number}.',
                    *_describe_retention(result)]
        explanation = self._explain(ctx, records.ExecutionRequest(
            function_id=function_id), publish)
        if explanation.allowed:
            explanation.effects.extend(self._list_changes(ctx, function))
        return explanation

    def _versions(self, db: session.Database) -> versions.Versions:
        # No engine is asked, since nothing is retired.
        return versions.Versions(
            self._conf, db, typing.cast(typing.Any, None), self._backends,
            quotas.Quotas(self._conf, db))

    def _list_changes(self, ctx: context.RequestContext,
                      function: typing.Any) -> _Effects:
        """Return the differences to the latest version."""
        if not function.latest_version:
            return ['It is the first version.']
        difference = self._differences.compare(
            ctx, function.id, function.latest_version, 0)
        before = f'Since version {function.latest_version}'
        if not (difference.settings or difference.files):
            return [f'{before}, nothing has changed.']
        changes = []
        if difference.settings:
            changes.append(f'{before}, these settings have changed: '
                           f'{", ".join(sorted(difference.settings))}.')
        if difference.files:
            files = [f'{file.path} ({file.change})'
                     for file in difference.files[:MAX_FILES]]
            changes.append(f'{before}, these files have changed: '
                           + ', '.join(files) + (
                               ' and others.' if len(difference.files)
                               > MAX_FILES else '.'))
        return changes

    def alias(self, ctx: context.RequestContext, values: _Values,
              name: str | None = None) -> Explanation:
        """Explain the creation of an alias, or its change.

        :param name: of the alias to change.
        :raises FunctionAliasNotFound: there is no such alias.
        """
        if name is not None:
            aliases.Aliases(self._db).get(ctx, name)

        def change(db: rehearsal.Rehearsal) -> _Effects:
            core = aliases.Aliases(db)
            if name is None:
                row = core.create(ctx, values)
                return [f'Alias {row.name} {_describe_routing(row)}.']
            before = core.get(ctx, name)
            rollouts = db.read(crud.count, models.Rollout,
                               models.Rollout.alias_id == before.id,
                               models.Rollout.status.in_(states.LIVE_ROLLOUTS))
            after = core.update(ctx, name, values)
            effects = _describe_move(before, after)
            if effects and rollouts:
                effects.append('The rollout of the alias ends.')
            users = core.references(ctx, name)
            if effects and users:
                effects.append('These follow the alias: '
                               f'{targets.describe_references(users)}.')
            return effects or ['The target of the alias stays.']
        alias = name or values.get('name')
        return self._explain(ctx, records.ExecutionRequest(
            function_alias=alias), change)

    def job(self, ctx: context.RequestContext, values: _Values
            ) -> Explanation:
        """Explain the creation of a job."""
        def create(db: rehearsal.Rehearsal) -> _Effects:
            core = jobs.Jobs(db, quotas.Quotas(self._conf, db))
            row = core.create(ctx, values)
            times = schedule.preview(row, models.now(), FIRE_TIMES)
            return ['It runs at (UTC): ' + ', '.join(
                time.isoformat(' ', 'seconds') for time in times) + '.']
        return self._explain(ctx, _reference(values), create)

    def webhook(self, ctx: context.RequestContext, values: _Values
                ) -> Explanation:
        """Explain the creation of a webhook."""
        def create(db: rehearsal.Rehearsal) -> _Effects:
            core = webhooks.Webhooks(db, secrets.Secrets(self._conf),
                                     quotas.Quotas(self._conf, db))
            row, _secret = core.create(ctx, values)
            return [f'Deliveries need a signature of the form '
                    f'{row.signature}.' if row.signature else
                    'Every sender who knows the URL can run the function.']
        return self._explain(ctx, _reference(values), create)

    def event_source(self, ctx: context.RequestContext, values: _Values
                     ) -> Explanation:
        """Explain the creation of an event source; none is opened."""
        def create(db: rehearsal.Rehearsal) -> _Effects:
            row = event_sources.EventSources(
                self._conf, db, secrets.Secrets(self._conf),
                quotas.Quotas(self._conf, db)).create(ctx, values)
            events, fits = (
                ('a single event', 'fits') if row.batch_size == 1
                else (f'up to {row.batch_size} events', 'fit'))
            condition = f' that {fits} the filter' if row.filter else ''
            return [
                f'An execution gets {events}{condition}.',
                'Whether the source can be reached shows only the first '
                'connection of an engine.']
        return self._explain(ctx, _reference(values), create)

    def _explain(self, ctx: context.RequestContext,
                 reference: records.ExecutionRequest, action: _Action
                 ) -> Explanation:
        """Rehearse an action, then look at its target."""
        def run(db: rehearsal.Rehearsal) -> Explanation:
            refusal, effects = None, []
            try:
                effects = action(db)
            except exception.Invalid as e:
                # The target may be as wrong as the rest.
                return Explanation(str(e), [], [], False)
            except exception.QinlingError as e:
                refusal = str(e)
            rows: list[explain_targets.ExplainedTarget] = []
            try:
                rows, reasons = self._targets.explain(db, ctx, reference)
                effects += reasons
            except exception.QinlingError as e:
                refusal = refusal or str(e)
            return Explanation(refusal, effects, rows, refusal is None)
        return rehearsal.rehearse(self._db, run)


def _describe_retention(result: retention.Retention) -> _Effects:
    return [*(f'Old version {number} is deleted.'
              for number in result.deleted),
            *(f'Old version {version.version_number} stays: {version.reason}.'
              for version in result.in_use)]


def _reference(values: _Values) -> records.ExecutionRequest:
    return records.ExecutionRequest(
        function_id=values.get('function_id'),
        function_version=values.get('function_version') or 0,
        function_alias=values.get('function_alias'))


def _describe_routing(row: typing.Any) -> str:
    if not row.routing:
        return f'runs {explain_targets.describe_version(row.function_version)}'
    weights = sorted((int(number), weight)
                     for number, weight in row.routing.items())
    return 'runs ' + ', '.join(
        f'{explain_targets.describe_version(number)} for {weight:.1%}'
        for number, weight in weights)


def _describe_move(before: typing.Any, after: typing.Any) -> _Effects:
    if all(getattr(before, field) == getattr(after, field)
           for field in aliases.TARGET_FIELDS):
        return []
    effects = [f'Until now alias {before.name} {_describe_routing(before)}; '
               f'then it {_describe_routing(after)}.']
    if before.function_id != after.function_id:
        effects.append(f'The function changes from {before.function_id} to '
                       f'{after.function_id}.')
    return effects
