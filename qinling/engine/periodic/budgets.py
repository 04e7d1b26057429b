# SPDX-License-Identifier: Apache-2.0
"""Comparison of costs with budgets, and the warnings."""

import typing

from oslo_config import cfg
from oslo_log import log

from qinling.core.execution import budgets
from qinling.core.execution import pricing
from qinling.db import session
from qinling import message_bus
from qinling.states import BudgetLevel

LOG = log.getLogger(__name__)


class BudgetTask:
    """Compares for one engine; other engines do the same.

    A warning is repeated until the receiver has accepted it, and may arrive
    more than once.
    """

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database) -> None:
        self._conf = conf
        self._db = db

    def run(self) -> None:
        """Compare all budgets, and send the warnings that are due."""
        if not pricing.read_prices(self._conf):
            return
        budgets.refresh_all(self._conf, self._db)
        for row in budgets.unreported(self._db):
            if self._report(row):
                budgets.mark_reported(self._db, row)

    def _report(self, row: typing.Any) -> bool:
        """Send a warning; return whether the receiver accepted it."""
        level = BudgetLevel(row.level).name.lower()
        warning = {
            'id': f'{row.project_id}-{row.month}-{level}',
            'event': f'budget.{level}', 'project_id': row.project_id,
            'month': row.month, 'amount': row.amount,
            'spent': round(row.spent, 6),
            'currency': self._conf.cost.currency}
        if row.warning_url and not self._post(row.warning_url, warning):
            return False
        LOG.warning('Project %s has spent %.2f of its budget of %.2f %s for '
                    '%s.', row.project_id, row.spent, row.amount,
                    self._conf.cost.currency, row.month)
        notifier = message_bus.create_notifier(self._conf)
        if notifier is not None:
            notifier.warn({}, warning['event'], warning)
        return True

    def _post(self, url: str, warning: dict[str, typing.Any]) -> bool:
        # Imported on demand: few engines have warnings to send.
        import requests
        try:
            response = requests.post(
                url, json=warning, timeout=self._conf.cost.warning_timeout,
                allow_redirects=False)
        except requests.RequestException as e:
            reason = type(e).__name__
        else:
            if response.status_code < 300:
                return True
            reason = f'status {response.status_code}'
        # Without the URL, which may contain a secret.
        LOG.warning('Could not send the warning about the budget of project '
                    '%s, trying again: %s', warning['project_id'], reason)
        return False
