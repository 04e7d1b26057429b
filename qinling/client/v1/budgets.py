# SPDX-License-Identifier: Apache-2.0
"""Budgets of projects, addressed by project id; without an id, ``get``
returns the budget of the project of the user."""

from qinling.client.v1 import base


class Budgets(base.Collection):
    """Budgets.

    Fields of an update: ``amount`` for each month, ``warn_at`` (share of the
    amount), ``warning_url`` and ``on_exceeded`` (``warn`` or ``refuse``).
    """

    path = 'budgets'
