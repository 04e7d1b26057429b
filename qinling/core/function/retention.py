# SPDX-License-Identifier: Apache-2.0
"""Retention of versions: the newest, and those that something uses.

A function with ``keep_versions`` loses its older versions when it is
published, and by a periodic task of the engines.  What guards a version
against deletion, or keeps workers of the version warm, keeps the version.
"""

import dataclasses
import typing

from oslo_log import log

from qinling import context
from qinling.core import engine_client
from qinling.core.function import environment
from qinling.core.function import packages as packages_module
from qinling.core.function import scaling
from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling.db import queries
from qinling.db import session

LOG = log.getLogger(__name__)

#: Versions that one transaction deletes, and functions of one turn.
MAX_DELETIONS, MAX_FUNCTIONS = 20, 100
_MODEL = models.FunctionVersion
PROVISIONED = 'provisioned workers'


@dataclasses.dataclass(frozen=True)
class UsedVersion:
    """Old version that something uses; ``reason`` names what does."""

    version_number: int
    reason: str


@dataclasses.dataclass
class Retention:
    """Result for one function; ``packages`` may have no user any more."""

    deleted: list[int] = dataclasses.field(default_factory=list)
    in_use: list[UsedVersion] = dataclasses.field(default_factory=list)
    packages: set[str | None] = dataclasses.field(default_factory=set)


class VersionRetention:
    """Deletes old versions of functions with ``keep_versions``."""

    def __init__(self, db: session.Database,
                 engine: engine_client.EngineClient,
                 packages: packages_module.Packages) -> None:
        self._db = db
        self._engine = engine
        self._packages = packages
        #: Id of the last function of the turn before.
        self._last_id = ''

    def clean_up(self, function_id: str, result: Retention) -> None:
        """Drop packages and workers after the commit."""
        for number in result.deleted:
            LOG.info('Deleting version %s of function %s: the function keeps '
                     'newer ones.', number, function_id)
            scaling.retire(self._engine, function_id, number)
        for package in result.packages:
            self._packages.drop(package)

    def run(self) -> int:
        """Delete old versions of some functions.

        :returns: the number of versions deleted.
        """
        ids = self._db.read(queries.functions_with_old_versions, self._last_id,
                            MAX_FUNCTIONS)
        self._last_id = ids[-1] if len(ids) == MAX_FUNCTIONS else ''
        count = 0
        for id in ids:
            result = self._db.write(lambda tx: _prune_function(tx, id))
            self.clean_up(id, result)
            count += len(result.deleted)
        return count


def _prune_function(tx: session.Connection, id: str) -> Retention:
    row = crud.get(tx, context.admin(), models.Function, lock=True, id=id)
    return Retention() if row is None else prune(tx, row)


def prune(tx: session.Connection, function: typing.Any) -> Retention:
    """Delete old versions of a locked function, a bounded number."""
    result = Retention()
    if not function.keep_versions:
        return result
    numbers = crud.select_values(
        tx, _MODEL.version_number, _MODEL.function_id == function.id)
    for number in sorted(numbers)[:-function.keep_versions]:
        if len(result.deleted) == MAX_DELETIONS:
            break
        row = crud.get(tx, context.admin(), _MODEL, lock=True,
                       function_id=function.id, version_number=number)
        reason = targets.describe_references(
            targets.references(tx, function.id, number))
        if reason or row.min_workers:
            result.in_use.append(UsedVersion(number, reason or PROVISIONED))
            continue
        result.packages.add(delete_row(tx, row))
        result.deleted.append(number)
    return result


def delete_row(tx: session.Connection, row: typing.Any) -> str | None:
    """Delete a version without references; return its package."""
    crud.delete(tx, _MODEL, row.id)
    environment.drop(tx, row.settings_id)
    package: str | None = row.package
    return package
