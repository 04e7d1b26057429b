# SPDX-License-Identifier: Apache-2.0
"""Commands for budgets of projects."""

import argparse

from qinling.client.commands import base
from qinling.client.commands import names
from qinling.client.commands import options
from qinling.client.commands import tables
from qinling.client import exceptions
from qinling.client import http

PROJECT = options.Argument('project_id', metavar='PROJECT_ID',
                           help='Id of the project.')


def show_amount(row: base.Row, _lookup: names.Names) -> str:
    """Return the budget of a month with the currency."""
    return _format(row, 'amount')


def show_spent(row: base.Row, _lookup: names.Names) -> str:
    """Return the costs of the month and their share of the budget."""
    text = _format(row, 'spent')
    if row.get('amount'):
        text += f' ({row["spent"] / row["amount"]:.0%})'
    return text


def _format(row: base.Row, field: str) -> str:
    amount = row.get(field) or 0
    # Prices of single executions are far below a cent.
    text = f'{amount:.2f}' if not 0 < amount < 0.1 else f'{amount:.3g}'
    return f'{text} {row.get("currency") or ""}'


class Budget(base.Addressed):
    """Noun of the commands for budgets."""

    collection = 'budgets'
    word = 'project_id'
    columns = ('project_id', 'amount', 'currency', 'warn_at', 'warning_url',
               'on_exceeded', 'month', 'spent', 'level')

    def list_address(self) -> tuple[options.Declaration, ...]:
        return (PROJECT,)


class Row(Budget, tables.Table):
    """Base of the commands that show a budget."""

    brief: base.Briefs = (
        base.Brief('Project', tables.show_field('project_id')),
        base.Brief('Budget', show_amount),
        base.Brief('Month', tables.show_field('month')),
        base.Brief('Spent', show_spent),
        base.Brief('Level', tables.show_field('level')),
        base.Brief('When exceeded', tables.show_field('on_exceeded')))


class Show(Row):
    """Show the budget of a project and its costs of this month."""

    def list_address(self) -> tuple[options.Declaration, ...]:
        return (options.Argument(
            'project_id', metavar='PROJECT_ID', nargs='?',
            help='Id of the project; default is the project of the user.'),)

    def list_rows(self, args: argparse.Namespace) -> list[base.Row]:
        return [self.resources.get(*filter(None, [args.project_id]))]


class Set(Row):
    """Set the budget of a project for each month (administrators only)."""

    is_watchable = False
    arguments = (
        options.Argument('--amount', type=float, metavar='AMOUNT',
                         help='Budget of a month, in the currency of the '
                              'server.'),
        options.Argument('--warn-at', type=float, metavar='SHARE',
                         help='Share of the amount that causes a warning, '
                              'such as 0.8.'),
        options.Argument('--warning-url', metavar='URL',
                         help='Where warnings are sent to.'),
        options.Argument('--on-exceeded', choices=('warn', 'refuse'),
                         help='Whether further executions are refused.'))

    def list_rows(self, args: argparse.Namespace) -> list[base.Row]:
        fields = http.drop_none({
            name: getattr(args, name) for name in (
                'amount', 'warn_at', 'warning_url', 'on_exceeded')})
        if not fields:
            raise exceptions.ClientError('Specify what to set.')
        return [self.resources.update(args.project_id, **fields)]


class Delete(Budget):
    """Delete the budget of a project (administrators only)."""

    def take_action(self, args: argparse.Namespace) -> None:
        self.resources.delete(args.project_id)
