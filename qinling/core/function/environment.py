# SPDX-License-Identifier: Apache-2.0
"""Settings of functions: environment variables and secrets.

A function or version refers to a row which is never changed, so that a
version keeps what it was made with, and whoever has loaded the row has
loaded what it says.  A row goes with the last one that refers to it.
"""

import re

from qinling.db import crud
from qinling.db import models
from qinling.db import queries
from qinling import exception

_MODEL = models.FunctionSettings
FIELDS = ('environment', 'secrets')
NAME = re.compile('[A-Za-z_][A-Za-z0-9_]*')
#: Most characters of a name.
LONGEST = 255
#: Names that the environment of every worker has already.
OURS = ('HOME', 'LANG', 'PATH', 'TMPDIR')
#: Names, or what they begin with, that change how programs start.
UNSAFE = ('GLIBC_TUNABLES', 'LD_', 'NODE_OPTIONS', 'PYTHON', 'QINLING_')


class Settings:
    """Keeps and opens settings.

    :param secrets: a :class:`qinling.core.secrets.Secrets`.
    """

    def __init__(self, conf, db, secrets):
        self._limits = conf.resource_limits
        self._db = db
        self._secrets = secrets

    def of(self, rows):
        """The settings that some functions or versions refer to, by their
        ids."""
        ids = {row.settings_id for row in rows} - {None}
        if not ids:
            return {}
        return {row.id: row for row in self._db.read(
            lambda tx: crud.find(tx, _MODEL, _MODEL.id.in_(ids)))}

    def wanted(self, row, fields, source):
        """The settings that a function shall have, as the columns of a row;
        ``None`` when nothing is said of them.

        ``environment`` takes the place of what there is.  ``secrets`` adds
        to it, and removes what it has ``null`` for, since nobody can be
        asked to repeat what he cannot read.

        :param row: the function as it is, ``None`` for a new one.
        :raises Invalid: they cannot be.
        """
        given = {name: fields[name] for name in FIELDS
                 if fields.get(name) is not None}
        if not given:
            return None
        if any(given.values()) and not source.has_package:
            raise exception.Invalid(
                'An image function has neither environment nor secrets: '
                'its image brings what it needs.')
        present = self.of([row] if row else []).get(row and row.settings_id)
        environment = _checked('environment', given.get(
            'environment', present.environment if present else {}))
        if not given.get('secrets') and environment == (
                present.environment if present else {}):
            return None
        secrets = dict(present.secrets if present else {})
        secrets.update(self._sealed(given.get('secrets', {})))
        secrets = {name: value for name, value in secrets.items()
                   if value is not None}
        both = sorted(set(environment) & set(secrets))
        if both:
            raise exception.Invalid(
                f'{both[0]} cannot be in both environment and secrets.')
        self._check_sizes(environment, secrets)
        return {'environment': environment, 'secrets': secrets}

    def _sealed(self, given):
        _checked('secrets', {name: value for name, value in given.items()
                             if value is not None})
        return {name: value if value is None else {
            'size': len(value.encode()),
            'sealed': self._secrets.encrypt(value)}
            for name, value in given.items()}

    def _check_sizes(self, environment, secrets):
        most = self._limits.max_environment
        if len(environment) + len(secrets) > most:
            raise exception.Invalid(
                f'environment and secrets have {len(environment)} and '
                f'{len(secrets)} names, at most {most} are allowed '
                'together.')
        size = sum(len(name) + len(value.encode())
                   for name, value in environment.items())
        size += sum(len(name) + value['size']
                    for name, value in secrets.items())
        most = self._limits.max_environment_size
        if size > most:
            raise exception.Invalid(
                f'environment and secrets have {size} bytes, at most {most} '
                'are allowed together.')

    def opened(self, id):
        """All that a function shall find in its environment: name -> text.

        :raises TemporaryError: the database does not answer.
        :raises PermanentError: they are gone, or cannot be decrypted.
        """
        if id is None:
            return {}
        try:
            rows = self._db.read(
                lambda tx: crud.find(tx, _MODEL, _MODEL.id == id))
        except exception.Unavailable as e:
            raise exception.TemporaryError(str(e)) from e
        if not rows:
            raise exception.PermanentError('its settings are gone')
        try:
            return dict(rows[0].environment, **{
                name: self._secrets.decrypt(value['sealed'])
                for name, value in rows[0].secrets.items()})
        except exception.Unavailable as e:
            raise exception.PermanentError(
                f'its secrets cannot be read: {e}') from e


def insert(tx, project_id, values):
    """Write settings down; returns their id, ``None`` if they are empty."""
    if not any(values.values()):
        return None
    return crud.insert(tx, _MODEL, project_id=project_id, **values)


def drop(tx, *ids):
    """Delete those settings that nothing refers to any more."""
    queries.drop_settings(tx, set(ids) - {None})


def _checked(field, values):
    """Names and texts that can be in an environment.

    :raises Invalid: with the reason, and never with a value.
    """
    for name, value in values.items():
        if not NAME.fullmatch(name) or len(name) > LONGEST:
            raise exception.Invalid(
                f'{name!r} cannot be a name in {field}: one has at most '
                f'{LONGEST} letters, digits and underscores, and does not '
                'begin with a digit.')
        if name in OURS:
            raise exception.Invalid(
                f'{name} cannot be in {field}: the runtime sets it.')
        if name.startswith(UNSAFE):
            raise exception.Invalid(
                f'{name} cannot be in {field}: it would change how the '
                'programs of the runtime start.')
        if not _is_text(value):
            raise exception.Invalid(
                f'The value of {name} in {field} must be text without a NUL '
                'character.')
    return values


def _is_text(value):
    try:
        return isinstance(value, str) and b'\0' not in value.encode()
    except UnicodeEncodeError:
        return False
