# SPDX-License-Identifier: Apache-2.0
"""``qinling-db-manage``: migrations of the schema, rotation of secrets."""

import argparse
import sys
import typing

from alembic import util
from oslo_config import cfg
from oslo_db import exception as db_exc
from sqlalchemy import exc

from qinling.cmd import process
from qinling.core import rotation
from qinling.core import secrets
from qinling.db import errors
from qinling.db import migration
from qinling.db import revisions
from qinling.db import session
from qinling import exception


def upgrade(db: session.Database, conf: cfg.ConfigOpts) -> None:
    """Upgrade the schema to a revision."""
    migration.upgrade(db, conf.command.revision)
    print(f'The database is at {migration.current(db)}.')


def downgrade(_db: session.Database, _conf: cfg.ConfigOpts) -> None:
    """Reject the command."""
    process.fail('A downgrade is not possible, since it would lose data. '
                 'Restore a backup of the database instead.')


def current(db: session.Database, _conf: cfg.ConfigOpts) -> None:
    """Print the revision of the schema."""
    print(migration.current(db) or 'The database is empty.')


def history(db: session.Database, _conf: cfg.ConfigOpts) -> None:
    """Print all revisions."""
    for revision, text in migration.history(db):
        print(f'{revision}  {text}')


def stamp(db: session.Database, conf: cfg.ConfigOpts) -> None:
    """Record a revision."""
    migration.stamp(db, conf.command.revision)
    print(f'The database is said to be at {conf.command.revision}.')


def check(db: session.Database, _conf: cfg.ConfigOpts) -> None:
    """Exit with code 1 when the release needs another schema."""
    present, head = migration.current(db), migration.head(db)
    if present != head:
        process.fail(f'The database is at {present or "nothing"}, this '
                     f'release needs {head}: run qinling-db-manage upgrade.')
    print(f'The database is at {present}, as this release needs.')


def rotate_secrets(db: session.Database, conf: cfg.ConfigOpts) -> None:
    """Encrypt all secrets with the first key."""
    try:
        revisions.check(db)
        count = rotation.rotate(db, secrets.Secrets(conf))
    except ValueError as e:
        process.fail(str(e))
    print(f'{count} secrets are encrypted with the first of [secrets] '
          'encryption_keys.')


#: Function -> help text.  The name of the function is the command.
COMMANDS = {
    upgrade: 'Upgrade the schema.',
    downgrade: 'Refused; restore a backup instead.',
    current: 'Show the revision of the schema.',
    history: 'List all revisions.',
    stamp: 'Record a revision without a change of the schema.',
    check: 'Check that the schema fits this release.',
    rotate_secrets: 'Encrypt all secrets with the first key.',
}


def _add_commands(parsers: 'argparse._SubParsersAction[typing.Any]') -> None:
    for action, text in COMMANDS.items():
        parser = parsers.add_parser(action.__name__, help=text,
                                    description=text)
        parser.set_defaults(action=action)
        if action is upgrade:
            parser.add_argument('revision', nargs='?', default='head')
        if action in (downgrade, stamp):
            parser.add_argument('revision')


def main() -> None:
    """Run one command."""
    conf = process.configure(
        sys.argv[1:], 'qinling-db-manage',
        'Manage the schema of the database that [database] connection '
        'names.', [cfg.SubCommandOpt(
            'command', title='commands',
            help='command to run', handler=_add_commands)])
    try:
        _run(conf)
    except exception.Unavailable as e:
        process.fail(str(e))
    except util.CommandError as e:
        process.fail(f'{e}; "qinling-db-manage history" lists them all.')
    except (db_exc.DBError, exc.DBAPIError) as e:
        if not errors.is_transient(e):
            raise
        process.fail(f'The database does not answer: {e}')


def _run(conf: cfg.ConfigOpts) -> None:
    db = process.construct(session.Database, conf, patient=True)
    try:
        conf.command.action(db, conf)
    finally:
        db.close()
