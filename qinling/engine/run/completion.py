# SPDX-License-Identifier: Apache-2.0
"""The end of an asynchronous execution, and what follows from it."""

from oslo_log import log

from qinling import context
from qinling.core.execution import executions
from qinling.core.function import retry_policy
from qinling.db import crud
from qinling.db import models
from qinling import exception
from qinling.states import ExecutionStatus

LOG = log.getLogger(__name__)

_MODEL = models.Execution
_RUNNING = _MODEL.status == ExecutionStatus.RUNNING.value


class Retries:
    """Ends executions, or gives them another attempt.

    :param submit: function of (row dict, target) that queues an execution
        on this engine.
    :param later: function of (time, id) that has the execution begun again
        at that time; if it does not, a sweep does, somewhat late.
    """

    def __init__(self, conf, db, submit, later):
        self._conf = conf
        self._db = db
        self.submit = submit
        self.later = later

    def conclude(self, id, outcome, target, *conditions, params=None,
                 final=False):
        """Write how an attempt ended, with whatever follows, at once.

        :param conditions: see :func:`executions.finish`.
        :param final: there shall be no further attempt.
        :returns: the columns that were written, as a dict; ``None`` when
            it was not ours to end.
        """
        if (target.async_policy is None
                or outcome.status is ExecutionStatus.SUCCESS):
            return executions.finish(
                self._db, id, outcome, *conditions, params=params)
        attempt = _Attempt(self._conf, id, outcome, target, final)
        written = self._db.write(
            lambda tx: attempt.conclude(tx, conditions, params))
        if attempt.again_at is not None:
            self.later(attempt.again_at, id)
        if attempt.call is not None:
            try:
                self.submit(*attempt.call)
            except exception.Unavailable as e:
                LOG.warning('Execution %s waits for a sweep: %s',
                            attempt.call[0]['id'], e)
        return written


class _Attempt:
    """One attempt that failed.

    After :meth:`conclude`, ``again_at`` is the time of the next, and
    ``call`` the (row dict, target) of what is told of the failure.
    """

    def __init__(self, conf, id, outcome, target, final):
        self._conf = conf
        self._id = id
        self._outcome = outcome
        self._target = target
        self._final = final

    def conclude(self, tx, conditions, params):
        # The transaction may be done again from its beginning.
        self.again_at = self.call = None
        row = crud.get(tx, context.admin(), _MODEL, id=self._id)
        if row is None:
            return None
        policy = self._target.async_policy
        again = None if self._final else retry_policy.next_attempt(
            policy, row, models.now())
        if again is not None:
            values = {'owner': None, 'lease_until': again,
                      'next_attempt_at': again, 'retry': row.retry + 1,
                      'logs': self._outcome.logs}
            if not crud.update(
                    tx, _MODEL, self._id,
                    dict(values, updated_at=_MODEL.updated_at), _RUNNING,
                    *conditions, params=params):
                return None
            self.again_at = again
            return values
        written = executions.end(tx, self._id, self._outcome, *conditions,
                                 params=params)
        # What is told of a failure tells nobody of its own: it could be
        # itself.
        if written and policy['on_failure'] and not row.failed_id:
            self._call(tx, row, policy['on_failure'])
        return written

    def _call(self, tx, row, reference):
        try:
            target = retry_policy.resolve(tx, row.project_id, reference)
        except exception.NotFound as e:
            LOG.warning('Nobody is told that execution %s failed: %s',
                        row.id, e)
            crud.update(tx, _MODEL, row.id, {
                'logs': f'{self._outcome.logs or ""}\n'
                        f'Nobody was told of the failure: {e}\n',
                'updated_at': _MODEL.updated_at})
            return
        made = retry_policy.call(self._conf, target, row, self._outcome)
        executions.begin(tx, target, made)
        self.call = made, target
