# SPDX-License-Identifier: Apache-2.0
"""``qinling-db-manage``: moves the schema of the database forward, and its
secrets to another key."""

import sys

from alembic import util
from oslo_config import cfg
from oslo_db import exception as db_exc
from sqlalchemy import exc

from qinling.cmd import process
from qinling.core import rotation
from qinling.core import secrets
from qinling.db import migration
from qinling.db import session
from qinling import exception


def upgrade(db, conf):
    migration.upgrade(db, conf.command.revision)
    print(f'The database is at {migration.current(db)}.')


def downgrade(_db, _conf):
    process.fail('A downgrade is not possible, since it would lose data. '
                 'Restore a backup of the database instead.')


def current(db, _conf):
    print(migration.current(db) or 'The database is empty.')


def history(db, _conf):
    for revision, text in migration.history(db):
        print(f'{revision}  {text}')


def stamp(db, conf):
    migration.stamp(db, conf.command.revision)
    print(f'The database is said to be at {conf.command.revision}.')


def check(db, _conf):
    """Exit code 1 when the schema is not what this release needs."""
    present, wanted = migration.current(db), migration.head(db)
    if present != wanted:
        process.fail(f'The database is at {present or "nothing"}, this '
                     f'release needs {wanted}: run qinling-db-manage '
                     'upgrade.')
    print(f'The database is at {present}, as this release needs.')


def rotate_secrets(db, conf):
    try:
        count = rotation.rotate(db, secrets.Secrets(conf))
    except (ValueError, exception.Unavailable) as e:
        process.fail(str(e))
    print(f'{count} secrets are encrypted with the first of [secrets] '
          'encryption_keys.')


def _commands(parsers):
    for action, text in (
            (upgrade, 'Bring the schema forward.'),
            (downgrade, 'Refused; restore a backup instead.'),
            (current, 'Show the revision of the schema.'),
            (history, 'List all revisions.'),
            (stamp, 'Write a revision down without changing the schema.'),
            (check, 'Whether the schema is what this release needs.'),
            (rotate_secrets, 'Encrypt all secrets with the first of the '
                             'keys.')):
        parser = parsers.add_parser(action.__name__, help=text,
                                    description=text)
        parser.set_defaults(action=action)
        if action is upgrade:
            parser.add_argument('revision', nargs='?', default='head')
        if action in (downgrade, stamp):
            parser.add_argument('revision')


def main():
    """Run one command."""
    conf = process.configure(
        sys.argv[1:], 'qinling-db-manage',
        'Manage the schema of the database that [database] connection '
        'names.', [cfg.SubCommandOpt(
            'command', title='commands',
            help='what to do', handler=_commands)])
    if not conf.database.connection:
        process.fail('There is no [database] connection in the '
                     'configuration; give one with --config-file.')
    try:
        _run(conf)
    except util.CommandError as e:
        process.fail(f'{e}; "qinling-db-manage history" lists them all.')
    except (db_exc.DBError, exc.DBAPIError) as e:
        if not session.is_transient(e):
            raise
        process.fail(f'The database does not answer: {e}')


def _run(conf):
    db = session.Database(conf, patient=True)
    try:
        conf.command.action(db, conf)
    finally:
        db.close()
