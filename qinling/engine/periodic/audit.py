# SPDX-License-Identifier: Apache-2.0
"""Audit trail of decisions that engines take without a request."""

import functools
import typing

from oslo_config import cfg
from oslo_log import log

from qinling.core.rollout import turns
from qinling import message_bus
from qinling.states import RolloutStatus

LOG = log.getLogger(__name__)

#: Ends that an operator should know of.
WARNINGS = (RolloutStatus.ROLLED_BACK, RolloutStatus.PAUSED)


class _Reporter:
    """Base of the reporters: their notifier."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf

    @functools.cached_property
    def _notifier(self) -> typing.Any:
        # Each notifier has connections of its own.
        return message_bus.create_notifier(self._conf)


class RolloutReporter(_Reporter):
    """Reports steps and ends of rollouts to the log and the audit trail."""

    def report(self, row: typing.Any, decision: turns.Decision) -> None:
        """Log a decision, and send a notification about the decision.

        A fault of the bus never stops a rollout.
        """
        action = decision.status.value if decision.status else 'step'
        LOG.info('Rollout %s of alias %s from version %s to %s: %s. %s',
                 row.id, row.alias_name, row.from_version, row.to_version,
                 action, decision.reason)
        try:
            self._notify(row, decision, action)
        except Exception:
            LOG.exception('Could not send a notification about rollout %s.',
                          row.id)

    def _notify(self, row: typing.Any, decision: turns.Decision, action: str
                ) -> None:
        if self._notifier is None:
            return
        send = (self._notifier.warn if decision.status in WARNINGS
                else self._notifier.info)
        send({}, f'rollout.{action}', {
            'target': {'type': 'rollout', 'id': row.id},
            'project_id': row.project_id, 'alias': row.alias_name,
            'function_id': row.function_id,
            'from_version': row.from_version,
            'function_version': row.to_version,
            'step': (row.step if decision.step is None
                     else decision.step) + 1,
            'reason': decision.reason})


class JobReporter(_Reporter):
    """Reports pauses of jobs to the log and the audit trail."""

    def report_pause(self, job: typing.Any, reason: str) -> None:
        """Log a pause, and send a notification about the pause.

        A fault of the bus never stops a scheduler.
        """
        LOG.warning('Pausing job %s: %s', job.id, reason)
        try:
            if self._notifier is not None:
                self._notifier.warn({}, 'job.pause', {
                    'target': {'type': 'job', 'id': job.id},
                    'project_id': job.project_id, 'name': job.name,
                    'function_id': job.function_id,
                    'function_alias': job.function_alias, 'reason': reason})
        except Exception:
            LOG.exception('Could not send a notification about job %s.',
                          job.id)
