# SPDX-License-Identifier: Apache-2.0
"""What commands have in common: lists, single things, deletion."""

import itertools

from cliff import command
from cliff import lister
from cliff import show

from qinling.client.commands import options
from qinling.client import exceptions


class Command(command.Command):
    """A command with the Python client at hand.

    It is not that of osc_lib, which logs all arguments: one may be a secret.
    """

    @property
    def client(self):
        return self.app.client_manager.function_engine

    def say(self, text):
        """Print a line."""
        print(text, file=self.app.stdout)


class Noun:
    """Mixed into the commands of one noun."""

    #: The attribute of the Python client.
    collection = None
    #: As messages call one of them.
    word = None
    #: What lists show, in this order; scripts rely on it.
    columns = ()
    #: What else is shown of one, and in lists with --long.
    more = ()
    #: Whether lists can be of other projects.
    owned = True
    #: Query keys that lists can be filtered by.
    filters = ()

    @property
    def things(self):
        return getattr(self.client, self.collection)


class List(Command, lister.Lister):
    """A table of all that the client finds."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        options.add_listing(parser, self)
        return parser

    def rows(self, args, **query):
        """Iterate over what is listed."""
        return self.things.list(**query)

    def take_action(self, args):
        columns = self.columns
        if getattr(args, 'long', False):
            columns += self.more
        rows = itertools.islice(
            self.rows(args, **options.query(args)), args.limit)
        return ([column.capitalize() for column in columns],
                ([row.get(column) for column in columns] for row in rows))


class Table(Command, lister.Lister):
    """A table of a few things, which come all at once."""

    def take_action(self, args):
        return ([column.capitalize() for column in self.columns],
                [[row.get(column) for column in self.columns]
                 for row in self.rows(args)])


class References(Table):
    """What keeps something from being deleted."""

    columns = ('kind', 'id', 'alias')


class Show(Command, show.ShowOne):
    """The attributes of one thing; ``failure`` is a sentence, and the exit
    code then 1, although there is something to show."""

    failure = None

    def run(self, args):
        code = super().run(args)
        if self.failure:
            raise exceptions.ClientError(self.failure)
        return code

    def row(self, args):
        """What is shown."""
        raise NotImplementedError

    def take_action(self, args):
        row = self.row(args)
        names = [*self.columns, *(name for name in self.more if name in row)]
        values = [row.get(name) for name in names]
        if getattr(row, 'etag', None):
            names.append('etag')
            values.append(row.etag)
        return names, values


class ShowById(Show):
    """One thing, by its id or name."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(self.word, help=f'Id or name of the {self.word}.')
        return parser

    def row(self, args):
        return self.things.get(
            self.things.id_of(getattr(args, self.word)))


class Delete(Command):
    """Delete several; what cannot be deleted keeps nothing else from it."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'references', metavar=self.word.upper(), nargs='+',
            help=f'Id or name of the {self.word}; can be repeated.')
        options.add_if_match(parser)
        return parser

    def take_action(self, args):
        if args.if_match and len(args.references) > 1:
            raise exceptions.ClientError(
                f'An ETag is that of one {self.word}; delete one at a time '
                'with --if-match.')
        self.each(args.references, lambda reference: self.delete(
            reference, args.if_match))

    def delete(self, reference, if_match):
        """Delete one of them."""
        self.things.delete(self.things.id_of(reference), if_match)

    def each(self, references, act, done='delete'):
        """Do it with each of them, whatever fails.

        :raises ClientError: when anything did.
        """
        failed = False
        for reference in references:
            try:
                act(reference)
            except exceptions.ClientError as e:
                failed = True
                print(e, file=self.app.stderr)
            else:
                self.say(f'Request to {done} {self.word} {reference} has '
                         'been accepted.')
        if failed:
            raise exceptions.ClientError(
                f'Unable to {done} the specified {self.word}(s).')
