# SPDX-License-Identifier: Apache-2.0
"""Lists of resources as tables.

People see a few columns, with names and relative times.  Machine formats,
``--long`` and ``-c`` have the fields of the API.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
import itertools
import typing

from cliff import lister

from qinling.client.commands import base
from qinling.client.commands import cells
from qinling.client.commands import columns as columns_module
from qinling.client.commands import json_lines
from qinling.client.commands import names
from qinling.client.commands import narrow
from qinling.client.commands import options
from qinling.client import exceptions
from qinling.client import units
from qinling import suggestions


def show_field(field: str) -> typing.Any:
    """Return a reader of a field; times are relative."""
    def read(row: base.Row, _names: names.Names) -> typing.Any:
        value = row.get(field)
        if value and field.endswith(cells.TIMES):
            return units.format_age(value)
        return cells.format_field(field, value)
    return read


def show_change(row: base.Row, _names: names.Names) -> str:
    """Return the age of the last change."""
    return units.format_age(row.get('updated_at') or row['created_at'])


#: Keys by which all lists filter.
TIMES = ('created_at', 'updated_at')
NAME = base.Brief('Name', names.show_name)
TARGET = base.Brief('Function', names.show_target)
DESCRIPTION = base.Brief('Description', show_field('description'))
CREATED = base.Brief('Created', show_field('created_at'))
CHANGED = base.Brief('Changed', show_change)


class Lister(base.Display, lister.Lister):
    """Table in a choice of formats."""

    #: Sentence about an empty table.
    empty = 'Nothing to list.'
    #: Command to create an item.
    hint = ''

    def build_table(self, args: argparse.Namespace, columns: base.Columns,
                    rows: Iterable[base.Row]) -> base.Output:
        """Return columns and rows in the form that the options select."""
        if self.is_brief(args):
            rows = list(rows)
            lookup = names.Names(self.client, rows)
            return ([column.heading for column in self.brief],
                    [[column.read(row, lookup) for column in self.brief]
                     for row in rows])
        if args.columns or args.formatter == json_lines.NAME:
            columns += tuple(name for name in self.detail_columns
                             if name not in columns)
        headings = [column.capitalize() for column in columns]
        self.check_columns(args.columns, headings)
        is_table = args.formatter == 'table'
        return headings, ([_format_field(name, row.get(name), is_table)
                           for name in columns] for row in rows)

    def is_brief(self, args: argparse.Namespace) -> bool:
        """Return whether to show the columns for people."""
        return bool(self.brief and args.formatter == 'table'
                    and not getattr(args, 'long', False) and (
                        not args.columns or self.has_headings(args.columns)))

    def has_headings(self, columns: Sequence[str]) -> bool:
        """Return whether only the table for people has the columns."""
        headings = {column.heading.lower() for column in self.brief}
        fields = {*self.columns, *self.detail_columns}
        words = set(map(columns_module.normalize, columns))
        return words <= headings and not words <= fields

    def check_columns(self, words: Iterable[str], headings: Sequence[str]
                      ) -> None:
        """Raise ``ClientError`` for an unknown column."""
        columns_module.check(words, headings, lambda word: (
            columns_module.normalize(word).capitalize()))

    def produce_output(self, args: argparse.Namespace,
                       column_names: Sequence[str],
                       data: Iterable[Sequence[typing.Any]]) -> int:
        """Print the table, or for people a sentence if it is empty."""
        if args.formatter == 'table':
            data = list(data)
            if not data and not args.print_empty:
                self.note(f'{self.empty} {self.describe_command(self.hint)}'
                          if self.hint else self.empty)
                return 0
            width = narrow.read_width(args)
            lines = width and not args.columns and narrow.list_lines(
                column_names, data, width)
            if lines:
                for line in lines:
                    self.print_line(line)
                return 0
        return super().produce_output(args, column_names, data)


class List(Lister):
    """Table of the resources that match the options."""

    is_watchable = True

    #: Rows that people see by default, the newest first.
    default_limit: int | None = None
    #: Keys to sort by.
    sortable: tuple[str, ...] = ('created_at', 'updated_at', 'id', 'name')

    @classmethod
    def list_filters(cls) -> tuple[str, ...]:
        """Return the keys to filter by, with those of all lists."""
        return tuple(dict.fromkeys((*cls.filters, *TIMES)))

    def list_arguments(self) -> tuple[options.Declaration, ...]:
        """Return the arguments of the command, then the options of lists."""
        return (*super().list_arguments(), *options.build_listing(
            self.list_filters(), bool(self.detail_columns), self.owned))

    def list_rows(self, args: argparse.Namespace,
                  **query: typing.Any) -> Iterable[base.Row]:
        """Iterate over the resources."""
        return self.resources.list(**query)

    def build_query(self, args: argparse.Namespace) -> dict[str, typing.Any]:
        """Return the query of the list.

        :raises ClientError: if a key is a mistyped key.
        """
        query = options.build_query(args)
        check_key('sort', query['sort_key'], self.sortable)
        for text in args.filters:
            check_key('filter', text.partition('=')[0],
                      self.list_filters())
        return {**names.parse_filters(self.client, args.filters), **query}

    def take_action(self, args: argparse.Namespace) -> base.Output:
        """Return the columns and rows of the table."""
        columns = self.columns
        if getattr(args, 'long', False):
            columns += self.detail_columns
        query = self.build_query(args)
        limit = args.limit
        if self.default_limit and args.formatter == 'table':
            limit = limit or self.default_limit
            # One more row shows that there are more.
            query['limit'] = limit + 1
            if not query['sort_key']:
                query.update(sort_key='created_at', sort_dir='desc')
        rows: Iterable[base.Row] = self.list_rows(args, **query)
        if query['limit'] != args.limit:
            rows = list(itertools.islice(rows, query['limit']))
            self.announce_rest(rows, limit)
        return self.build_table(args, columns, itertools.islice(rows, limit))

    def announce_rest(self, rows: Sequence[base.Row], limit: int) -> None:
        """Print how to see the rows after the limit."""
        if len(rows) > limit:
            self.note(
                f'There are more than these {limit} {self.word}s. Show the '
                f'next ones with --marker {rows[limit - 1]["id"]}, or more '
                f'with --limit {limit * 5}.')


class Table(Lister):
    """Table of one short answer."""

    is_watchable = True

    def list_rows(self, args: argparse.Namespace) -> Iterable[base.Row]:
        """Return the rows of the table."""
        raise NotImplementedError

    def take_action(self, args: argparse.Namespace) -> base.Output:
        """Return the columns and rows of the table."""
        return self.build_table(args, self.columns, self.list_rows(args))


class References(base.Addressed, Lister):
    """Table of the resources that prevent a deletion."""

    brief: base.Briefs = ()
    empty = 'Nothing prevents the deletion.'

    def take_action(self, args: argparse.Namespace) -> base.Output:
        """Return the columns and rows of the table."""
        # The noun's columns describe the noun, not its references.
        self.detail_columns, self.brief = (), ()
        return self.build_table(
            args, ('kind', 'id', 'alias'),
            self.resources.list_references(*self.locate(args)))


def check_key(noun: str, key: str | None, keys: Sequence[str]) -> None:
    """Raise ``ClientError`` for a key that resembles a known key.

    The server explains any other key; the server may know more keys.
    """
    hint = key and key not in keys and suggestions.suggest(keys, key)
    if hint:
        raise exceptions.ClientError(f'Cannot {noun} by {key!r}.{hint}')


def _format_field(name: str, value: typing.Any, is_table: bool) -> typing.Any:
    """Return a value of a long table; times stay absolute."""
    if not is_table or name.endswith(cells.TIMES):
        return value
    return cells.format_field(name, value)
