# SPDX-License-Identifier: Apache-2.0
"""Model of references against deletions: alias, version, job, execution."""

import dataclasses
import functools
import typing

from qinling.tests.models import explorer
from qinling.tests.models import transactions as db


@dataclasses.dataclass(frozen=True)
class Guards:
    """Guards of the service; a mutant lacks a guard."""

    target_lock: bool = True    # aliases._lock_target: targets.lock
    recheck: bool = True        # targets.references in Versions._delete_row
    recheck_locked: bool = True  # the recheck follows the locks
    function_first: bool = True  # one lock order: function, then version
    counted: bool = True        # lifecycle._count after the insert
    alias_lock: bool = True     # targets.lock_reference in Jobs.create


FUNCTION, VERSION_1, VERSION_2 = ('function',), ('version', 1), ('version', 2)
ALIAS = ('alias', 'a')
ROWS = {FUNCTION: 'f', VERSION_1: 'v', VERSION_2: 'v', ALIAS: 2}


class References:
    """Programs of the model."""

    def __init__(self, guards: Guards) -> None:
        self.guards = guards

    def lock_target(self, version: int) -> db.Program:
        """Lock a function and a version: targets.lock."""
        keys = [FUNCTION, ('version', version)]
        if not self.guards.function_first:
            keys.reverse()
        for key in keys:
            statement = (db.lock(*key) if self.guards.target_lock
                         else db.read(*key))
            if (yield statement) is None:
                yield db.ROLLBACK
                return 'not found'
        return ''

    def move_alias(self, version: int) -> db.Program:
        """Move an alias: Aliases._change."""
        if (yield db.lock(*ALIAS)) is None:
            yield db.ROLLBACK
            return 'not found'
        if error := (yield from self.lock_target(version)):
            return error
        yield db.write(ALIAS, version)
        yield db.COMMIT
        return 'moved'

    def delete_version(self, version: int) -> db.Program:
        """Delete a version: Versions._delete_row."""
        key = ('version', version)
        references = 0
        if not self.guards.recheck_locked:
            references = yield from self.count_references(version)
        yield db.lock(*FUNCTION)
        if (yield db.lock(*key)) is None:
            yield db.ROLLBACK
            return 'not found'
        if self.guards.recheck_locked and self.guards.recheck:
            references = yield from self.count_references(version)
        if references:
            yield db.ROLLBACK
            return 'in use'
        yield db.write(key, None)
        yield db.COMMIT
        return 'deleted'

    def count_references(self, version: int
                         ) -> typing.Generator[db.Statement, typing.Any, int]:
        """Count the references to a version: targets.references."""
        alias = yield db.read(*ALIAS)
        executions = yield db.count('execution', version)
        return (alias == version) + executions

    def delete_alias(self) -> db.Program:
        """Delete an alias: Aliases.delete."""
        if (yield db.lock(*ALIAS)) is None:
            yield db.ROLLBACK
            return 'not found'
        if (yield db.count('job')):
            yield db.ROLLBACK
            return 'in use'
        yield db.write(ALIAS, None)
        yield db.COMMIT
        return 'deleted'

    def create_job(self) -> db.Program:
        """Create a job that refers to the alias: Jobs.create."""
        statement = (db.lock(*ALIAS) if self.guards.alias_lock
                     else db.read(*ALIAS))
        if (yield statement) is None:
            yield db.ROLLBACK
            return 'not found'
        yield db.write(('job',), 'a')
        yield db.COMMIT
        return 'created'

    def create_execution(self) -> db.Program:
        """Run the alias: Triggers.prepare, then lifecycle.insert."""
        version = yield db.peek(*ALIAS)
        if version is None:
            return 'not found'
        yield db.insert(('execution', version, 'e'), 'running')
        if self.guards.counted:
            # UPDATE ... SET count = count + 1 must change a row.
            if (yield db.lock('version', version)) is None:
                yield db.ROLLBACK
                return 'not found'
        yield db.COMMIT
        return 'created'


def check(state: db.State) -> str | None:
    """Return a sentence about a reference without a target."""
    versions = {key[1] for key, _ in state.find('version')}
    alias = state.get(*ALIAS)
    if alias is not None and alias not in versions:
        return f'The alias points at version {alias}, which is deleted.'
    if state.get('job') is not None and alias is None:
        return 'The job refers to an alias that is deleted.'
    for key, _ in state.find('execution'):
        if key[1] not in versions:
            return f'An execution of version {key[1]} lost its version.'
    return None


def create(isolation: str, **changes: bool) -> explorer.Model:
    """Return the model: an alias moves to a version that is deleted."""
    model = References(Guards(**changes))
    partial = functools.partial
    return db.Processes({
        'move': partial(model.move_alias, 1),
        'delete 1': partial(model.delete_version, 1),
        'delete 2': partial(model.delete_version, 2),
        'run': model.create_execution,
    }, ROWS, isolation).model(check)


def create_jobs(isolation: str, **changes: bool) -> explorer.Model:
    """Return the model: a job is created while its alias is deleted."""
    model = References(Guards(**changes))
    partial = functools.partial
    return db.Processes({
        'job': model.create_job, 'delete alias': model.delete_alias,
        'move': partial(model.move_alias, 1),
        'delete 1': partial(model.delete_version, 1),
    }, ROWS, isolation).model(check)
