# SPDX-License-Identifier: Apache-2.0
"""Base classes of the commands: lists, single resources, deletion."""

import argparse
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools
import typing

from cliff import command

from qinling.client.commands import cells
from qinling.client.commands import columns as columns_module
from qinling.client.commands import json_lines
from qinling.client.commands import names as names_module
from qinling.client.commands import options
from qinling.client.commands import progress
from qinling.client.commands import watch
from qinling.client import exceptions
from qinling.client import help
from qinling.client import plugins
from qinling.client import v1

Row = Mapping[str, typing.Any]
Columns = tuple[str, ...]
#: Columns and rows, or names and values.
Output = tuple[Sequence[str], Iterable[typing.Any]]


@dataclasses.dataclass(frozen=True)
class Brief:
    """Column of a table for people.

    :ivar read: returns the value for a row.
    """

    heading: str
    read: Callable[[Row, names_module.Names], typing.Any]


Briefs = tuple[Brief, ...]


def define(description: str, *bases: type, **attributes: typing.Any) -> type:
    """Return a command that only combines base classes.

    :param bases: the noun, then the kind of command.
    """
    return type(bases[-1].__name__, bases, dict(
        attributes, __doc__=description, __module__=bases[0].__module__))


class Command(command.Command):
    """Command with access to the Python client.

    Unlike the commands of osc_lib, never logs the arguments: an argument may
    be a secret.
    """

    arguments: tuple[options.Declaration, ...] = ()

    def _load_hooks(self) -> None:
        """Load no hooks: the search reads the metadata of everything that
        is installed, and no distribution extends commands of Qinling."""
        self._hooks = []

    def get_epilog(self) -> str:
        """Return no text, for the same reason."""
        return ''

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser of the declared arguments."""
        parser = super().get_parser(prog_name)
        help.explain_options(parser)
        for argument in self.list_arguments():
            argument.add_to(parser)
        return parser

    def list_arguments(self) -> tuple[options.Declaration, ...]:
        """Return the arguments of the command."""
        return self.arguments

    def run(self, args: argparse.Namespace) -> int:
        """Run the command; say what to do about an error."""
        try:
            return super().run(args)
        except exceptions.ADVISED as e:
            raise exceptions.advise(e) from e

    @property
    def client(self) -> v1.Client:
        """Return the Python client of the application."""
        app: typing.Any = self.app
        return app.client_manager.function_engine

    def describe_command(self, *words: str) -> str:
        """Return a command line of this program."""
        return ' '.join((self.app.NAME, *words))

    def note(self, text: str) -> None:
        """Print a sentence for people on standard error."""
        progress.print_note(text, self.app.stderr)

    def print_line(self, text: str) -> None:
        """Print a line on standard output."""
        print(text, file=self.app.stdout)


class Noun(Command):
    """Base of the commands of one noun."""

    #: Attribute of the Python client.
    collection: str
    #: Name of a resource in messages.
    word: str
    #: Columns of lists, in order; scripts rely on both.
    columns: Columns = ()
    #: Columns of tables without ``--long``.
    brief: Briefs = ()
    #: Further columns of one resource, and of lists with ``--long``.
    detail_columns: Columns = ()
    #: Whether lists can include other projects.
    owned = True
    #: Query keys that filter lists.
    filters: tuple[str, ...] = ()
    #: What a reference to a resource may be.
    naming = 'Id or name'

    @property
    def resources(self) -> typing.Any:
        """Return the collection of the Python client."""
        return getattr(self.client, self.collection)

    def resolve(self, reference: str) -> str:
        """Return the id for a reference on the command line."""
        return self.resources.find_id(reference)

    def list_address(self) -> tuple[options.Declaration, ...]:
        """Return the arguments that identify one resource."""
        return (options.reference(self.word, self.naming),)

    def locate(self, args: argparse.Namespace) -> tuple[str | int, ...]:
        """Return the address of a resource for the Python client."""
        return (self.resolve(getattr(args, self.word)),)


class Addressed(Noun):
    """Command on one resource, which the first arguments identify."""

    def list_arguments(self) -> tuple[options.Declaration, ...]:
        """Return the address, then the arguments of the command."""
        return (*self.list_address(), *super().list_arguments())


class Display(Noun):
    """Base of the commands with a choice of output formats."""

    #: Entry points of the formats.
    formatter_namespace: str
    _formatter_group: argparse._ArgumentGroup
    #: Whether the command changes nothing, so that it can be repeated.
    is_watchable = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Return the parser, with ``-o json`` and perhaps ``--watch``."""
        parser = super().get_parser(prog_name)
        if '-o' not in parser._option_string_actions:
            json_lines.OPTION.add_to(self._formatter_group)
        if self.is_watchable:
            watch.OPTION.add_to(parser)
        return parser

    def run(self, args: argparse.Namespace) -> int:
        """Run the command once, or with ``--watch`` until an interrupt."""
        run = functools.partial(super().run, args)
        if self.is_watchable and args.watch is not None:
            watch.repeat(self.app, args, run)
        return run()

    def _load_formatter_plugins(self) -> typing.Any:
        return plugins.load_formatters(self.formatter_namespace)


class Show(Display, columns_module.CheckedShow):
    """Fields of one resource.

    A sentence in ``failure`` is printed after the fields, and the exit code
    is then 1.
    """

    failure: str | None = None
    #: Command that usually follows, for people.
    next_step: str | None = None

    def run(self, args: argparse.Namespace) -> int:
        """Print the resource; fail if the command has noted a failure."""
        code = super().run(args)
        if self.failure:
            raise exceptions.ClientError(self.failure)
        if self.next_step and args.formatter == 'table':
            self.note(f'Next: {self.describe_command(self.next_step)}')
        return code

    def fetch(self, args: argparse.Namespace) -> Row:
        """Return the fields of the resource."""
        raise NotImplementedError

    def take_action(self, args: argparse.Namespace) -> Output:
        """Return the names and values of the fields."""
        row = self.fetch(args)
        names = [*self.columns,
                 *(name for name in self.detail_columns if name in row)]
        values = [row.get(name) for name in names]
        if args.formatter == 'table':
            values = self.format_for_people(row, names, args)
        if etag := getattr(row, 'etag', None):
            names.append(columns_module.ETAG)
            values.append(etag)
        return names, values

    def format_for_people(self, row: Row, names: Sequence[str],
                          args: argparse.Namespace) -> list[typing.Any]:
        """Return values for people."""
        return [cells.format_field(name, row.get(name), row.get('timezone'))
                for name in names]


class Get(Addressed, Show):
    """Fields of a stored resource."""

    is_watchable = True

    def fetch(self, args: argparse.Namespace) -> Row:
        """Return the resource."""
        return self.resources.get(*self.locate(args))

    def format_for_people(self, row: Row, names: Sequence[str],
                          args: argparse.Namespace) -> list[typing.Any]:
        """Return values with names beside ids; ``-c`` selects bare ids."""
        values = super().format_for_people(row, names, args)
        if args.columns:
            return values
        lookup = names_module.Names(self.client, [row])
        return [lookup.describe(name, value)
                if value and name in names_module.COLLECTIONS else value
                for name, value in zip(names, values)]


class Batch(Noun):
    """Request about each of several resources; a failure does not stop the
    requests about the others."""

    verb = 'delete'

    def send_request(self, reference: str, args: argparse.Namespace) -> None:
        """Send the request about one resource."""
        raise NotImplementedError

    def process(self, references: Iterable[str],
                args: argparse.Namespace) -> None:
        """Send all requests; raise ``ClientError`` if any fails."""
        failed = False
        for reference in references:
            try:
                self.send_request(reference, args)
            except exceptions.ClientError as e:
                failed = True
                self.note(exceptions.explain(e))
            else:
                self.print_line(f'Request to {self.verb} {self.word} '
                                f'{reference} has been accepted.')
        if failed:
            raise exceptions.ClientError(
                f'Unable to {self.verb} the specified {self.word}(s).')


class Delete(Batch):
    """Deletion of several resources."""

    def list_arguments(self) -> tuple[options.Declaration, ...]:
        """Return one argument for all references, and ``--if-match``."""
        return (options.Argument(
            'references', metavar=self.word.upper(), nargs='+',
            help=f'{self.naming} of the {self.word.replace("_", " ")}; can '
                 'be repeated.'), options.IF_MATCH)

    def take_action(self, args: argparse.Namespace) -> None:
        """Delete every resource."""
        if args.if_match and len(args.references) > 1:
            raise exceptions.ClientError(
                f'An ETag identifies the state of one {self.word}; delete '
                f'each {self.word} with a command of its own.')
        self.process(args.references, args)

    def send_request(self, reference: str, args: argparse.Namespace) -> None:
        """Delete one resource."""
        self.resources.delete(self.resolve(reference), if_match=args.if_match)
