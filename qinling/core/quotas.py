# SPDX-License-Identifier: Apache-2.0
"""Quotas: how much of everything a project may have.

What is counted is what the tables hold, so no counter can go wrong.  Who
would make something holds the project's row in ``quotas`` until the end of
the transaction, so that two who each see one place left do not both take it.
"""

import functools

from qinling import context
from qinling.db import crud
from qinling.db import models
from qinling.db import queries
from qinling import exception
from qinling import states

_MODEL = models.Quota
#: What has a limit.
RESOURCES = models.QUOTAS
UNLIMITED = -1
MOST_ID = 80


class Quotas:
    """Limits of projects, and what they use."""

    def __init__(self, conf, db):
        self._defaults = conf.quota
        self._db = db

    def guard(self, project_id, **wanted):
        """Make ready to check that a project may have more.

        :param wanted: resource -> how much more.
        :returns: a function of a transaction, which it must be the first
            thing in: before a read, since that may show the state of then
            for the rest of the transaction.  It raises
            :class:`~qinling.exception.QuotaExceeded`.
        """
        row = self._db.read(lambda tx: _row(tx, project_id))
        limits = self._limits(row)
        if all(limits[name] == UNLIMITED for name in wanted):
            return _nothing
        if row is None:
            self._make(project_id)
        return functools.partial(self._check, project_id, wanted)

    def _make(self, project_id):
        try:
            self._db.write(lambda tx: crud.insert(
                tx, _MODEL, project_id=project_id))
        except crud.DuplicateEntry:
            # Another request was faster.
            return

    def _check(self, project_id, wanted, tx):
        limits = self._limits(_row(tx, project_id, lock=True))
        for name, more in wanted.items():
            limit = limits[name]
            if limit == UNLIMITED or more <= 0:
                continue
            used = _used(tx, project_id, name)
            if used + more <= limit:
                continue
            if name == 'storage_bytes':
                raise exception.StorageQuotaExceeded(
                    resource=name, more=more, used=used, limit=limit)
            raise exception.QuotaExceeded(
                resource=name, more=more, used=used, limit=limit)

    def _limits(self, row):
        own = {name: getattr(row, name, None) for name in RESOURCES}
        return {name: self._defaults[name] if limit is None else limit
                for name, limit in own.items()}

    def get(self, ctx, project_id):
        """(limits, usage) of a project, each resource -> number.

        :raises PolicyForbidden: it is another's project.
        """
        rule = 'quota:get'
        if not ctx.can(rule, {'project_id': project_id}):
            raise exception.PolicyForbidden(rule=rule)
        return self._db.read(lambda tx: (
            self._limits(_row(tx, project_id)),
            {name: _used(tx, project_id, name) for name in RESOURCES}))

    def update(self, project_id, limits):
        """Give a project limits of its own; -1 for none.

        A limit may be lower than what is used: nothing goes, but nothing
        more can be made.
        """
        if len(project_id) > MOST_ID:
            raise exception.Invalid(
                f'A project id has at most {MOST_ID} characters.')
        for name, limit in limits.items():
            if limit < UNLIMITED:
                raise exception.Invalid(
                    f'{name} must be at least 0, or -1 for no limit.')
        if not limits:
            raise exception.Invalid(
                'No limit was given; name at least one of: '
                f'{", ".join(RESOURCES)}.')
        self._make(project_id)
        self._set(project_id, limits)

    def delete(self, project_id):
        """Give a project the default limits.  The row stays: somebody may
        hold it."""
        self._set(project_id, dict.fromkeys(RESOURCES))

    def _set(self, project_id, limits):
        self._db.write(lambda tx: crud.update_all(
            tx, _MODEL, limits, _MODEL.project_id == project_id))


def _nothing(_tx):
    """What guards where there is no limit."""


def _row(tx, project_id, lock=False):
    return crud.get(tx, context.admin(), _MODEL, lock=lock,
                    project_id=project_id)


def _used(tx, project_id, name):
    if name == 'storage_bytes':
        return queries.stored(tx, project_id)
    model, *conditions = _COUNTED[name]
    return crud.count(tx, model, model.project_id == project_id,
                      *conditions)


_RUNNING = states.ExecutionStatus.RUNNING.value
_COUNTED = {
    'functions': (models.Function,),
    'versions': (models.FunctionVersion,),
    'jobs': (models.Job, models.Job.status.in_(states.LIVE_JOBS)),
    'webhooks': (models.Webhook,),
    'concurrent_executions': (
        models.Execution, models.Execution.status == _RUNNING),
}
