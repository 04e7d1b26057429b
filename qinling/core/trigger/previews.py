# SPDX-License-Identifier: Apache-2.0
"""Previews: deliveries to another version than a webhook runs.

The URL of a webhook has variants for the versions of its function and for the
aliases of this function, if the owner allows previews.  No other function can
be reached, since senders need no account.
"""

import dataclasses
import typing

from qinling import context
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception

_ALIAS = models.FunctionAlias
_Json = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Preview:
    """Version or name of an alias in a URL."""

    version: int | str | None = None
    alias: str | None = None

    @property
    def scope(self) -> tuple[str, str]:
        """Return what separates deliveries to different variants."""
        if self.alias is not None:
            return 'alias', self.alias
        return 'version', str(self.version)


def resolve(db: session.Database, webhook: typing.Any,
            preview: Preview | None) -> _Json:
    """Return the fields of an execution request that name the target.

    :raises FunctionVersionNotFound, FunctionAliasNotFound: the function of
        the webhook has no such version or alias.
    """
    if preview is None:
        return {'function_id': webhook.function_id,
                'function_version': webhook.function_version or 0,
                'function_alias': webhook.function_alias}
    if preview.alias is not None:
        db.read(_check_alias, webhook, str(preview.alias))
        return {'function_alias': preview.alias}
    if not isinstance(preview.version, int) or not preview.version:
        raise exception.FunctionVersionNotFound(
            id=db.read(_find_function_id, webhook), version=preview.version)
    if webhook.function_alias is not None:
        return {'function_alias': webhook.function_alias,
                'chosen_version': preview.version}
    return {'function_id': webhook.function_id,
            'function_version': preview.version}


def _check_alias(tx: session.Connection, webhook: typing.Any, name: str
                 ) -> None:
    """Check that an alias points at the function of a webhook."""
    alias = _find_alias(tx, webhook, name)
    if alias is None or alias.function_id != _find_function_id(tx, webhook):
        raise exception.FunctionAliasNotFound(name=name)


def _find_function_id(tx: session.Connection, webhook: typing.Any
                      ) -> str | None:
    """Return the function of a webhook, ``None`` if its alias is gone."""
    row = webhook
    if webhook.function_alias is not None:
        row = _find_alias(tx, webhook, webhook.function_alias)
    id: str | None = row and row.function_id
    return id


def _find_alias(tx: session.Connection, webhook: typing.Any, name: str
                ) -> typing.Any:
    return crud.get(tx, context.admin(), _ALIAS, name=name,
                    project_id=webhook.project_id)
