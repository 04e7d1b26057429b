# SPDX-License-Identifier: Apache-2.0
"""Tools: functions that assistants call through an alias.

An alias with the name of a tool is one while the version behind has an
``input_schema`` of the type object; so a tool can be ramped and rolled back.
"""

from collections.abc import Mapping
import re
import typing

from qinling import context
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception

_ALIAS = models.FunctionAlias
NAME = re.compile('[A-Za-z0-9_-]{1,64}')


def parse(name: typing.Any) -> str | None:
    """Return the name to store; an empty one means no tool.

    :raises Invalid: the name is not valid.
    """
    if name and not (isinstance(name, str) and NAME.fullmatch(name)):
        raise exception.Invalid(
            'tool has 1 to 64 letters, digits, "-" or "_".',
            attributes=('tool',))
    return name or None


def check(tx: session.Connection, ctx: context.RequestContext,
          alias: Mapping[str, typing.Any]) -> None:
    """Check that an alias can be the tool that it names.

    :param alias: columns of the alias.
    :raises Conflict: another alias of the project is the tool.
    :raises Invalid: a version behind the alias has no suitable schema.
    """
    if not alias.get('tool'):
        return
    if crud.exists(tx, _ALIAS, _ALIAS.project_id == ctx.project_id,
                   _ALIAS.tool == alias['tool'],
                   _ALIAS.name != alias['name']):
        raise exception.Conflict(
            reason=f'another alias is the tool {alias["tool"]}.')
    for version in (alias['routing'] or [alias['function_version']]):
        row = _read(tx, alias['function_id'], int(version))
        if row is None or not is_suitable(row.input_schema):
            raise exception.Invalid(
                'A tool needs an input_schema with "type": "object" in '
                f'version {version} of its function.', attributes=('tool',))


def is_suitable(schema: typing.Any) -> bool:
    """Return whether the protocol of tools permits a schema."""
    return isinstance(schema, dict) and schema.get('type') == 'object'


def _read(tx: session.Connection, function_id: str, version: int
          ) -> typing.Any:
    if not version:
        return crud.get(tx, context.admin(), models.Function, id=function_id)
    return crud.get(tx, context.admin(), models.FunctionVersion,
                    function_id=function_id, version_number=version)
