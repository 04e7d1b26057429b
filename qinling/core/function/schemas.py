# SPDX-License-Identifier: Apache-2.0
"""Schemas of the input and of the output of a function.

Both are frozen with a version.  A target has only their digest: a process
compiles a pair once, and finds the pair by the digest.
"""

import collections
from collections.abc import Mapping
import dataclasses
import threading
import typing

from qinling.core import digests
from qinling.core.json_schema import compiler
from qinling.core.json_schema import nodes
from qinling.core import targets
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception

#: Pairs of schemas that a process keeps.
MAX_PAIRS = 256
_Json = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class Pair:
    """Compiled schemas; ``None`` accepts everything."""

    input: compiler.JsonSchema | None = None
    output: compiler.JsonSchema | None = None


NO_SCHEMAS = Pair()


class _Pairs:
    """The pairs that were used last, by digest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pairs: collections.OrderedDict[str, Pair] = (
            collections.OrderedDict())

    def get(self, digest: str) -> Pair | None:
        """Return a pair, ``None`` if it has to be compiled."""
        with self._lock:
            pair = self._pairs.get(digest)
            if pair is not None:
                self._pairs.move_to_end(digest)
            return pair

    def add(self, digest: str, pair: Pair) -> None:
        """Keep a pair in place of the one unused for the longest time."""
        with self._lock:
            self._pairs[digest] = pair
            if len(self._pairs) > MAX_PAIRS:
                self._pairs.popitem(last=False)


_PAIRS = _Pairs()


def plan(row: typing.Any, fields: Mapping[str, typing.Any]) -> _Json:
    """Return the columns for the schemas of a request.

    :param row: function to change, ``None`` for a new one.
    :raises Invalid: a schema is not valid.
    """
    columns: _Json = {name: parse(name, fields[name])
                      for name in models.SCHEMAS
                      if fields.get(name) is not None}
    if not columns:
        return {}
    schemas = {name: columns.get(name, getattr(row, name, None))
               for name in models.SCHEMAS}
    columns['schema_digest'] = compute_digest(schemas)
    return columns


def parse(name: str, value: typing.Any) -> _Json | None:
    """Return the schema to store; an empty one removes the schema.

    :raises Invalid: the schema is not valid.
    """
    if not isinstance(value, dict):
        raise exception.Invalid(
            f'{name} must be a JSON object, such as {{"type": "object"}}.',
            attributes=(name,))
    try:
        compiler.compile_document(value)
    except nodes.BadSchema as e:
        raise exception.Invalid(f'{name} is not valid: {e}',
                                attributes=(name,))
    return value or None


def compute_digest(schemas: Mapping[str, typing.Any]) -> str | None:
    """Return the hash of a pair, ``None`` without schemas."""
    pair = [schemas[name] for name in models.SCHEMAS]
    return None if pair == [None, None] else digests.hash_json(pair)


def find(db: session.Database, target: targets.Target) -> Pair:
    """Return the schemas of a target."""
    if target.schema_digest is None:
        return NO_SCHEMAS
    return _PAIRS.get(target.schema_digest) or db.read(load, target)


def load(tx: session.Connection, target: targets.Target) -> Pair:
    """Return the schemas of a target within a transaction.

    The latest code may have other schemas since its resolution.

    :raises Conflict: a stored schema is not valid, which no request causes.
    """
    if target.schema_digest is None:
        return NO_SCHEMAS
    pair = _PAIRS.get(target.schema_digest)
    if pair is not None:
        return pair
    row = _read(tx, target)
    if row is None or row.schema_digest is None:
        return NO_SCHEMAS
    try:
        pair = Pair(*(schema and compiler.compile_document(schema)
                      for schema in (row.input_schema, row.output_schema)))
    except nodes.BadSchema as e:
        raise exception.Conflict(
            reason=f'a stored schema of function {target.function_id} is '
                   f'not valid: {e}')
    _PAIRS.add(row.schema_digest, pair)
    return pair


def _read(tx: session.Connection, target: targets.Target) -> typing.Any:
    function, version = models.Function, models.FunctionVersion
    table: typing.Any = version if target.version else function
    conditions = ([version.function_id == target.function_id,
                   version.version_number == target.version]
                  if target.version else [function.id == target.function_id])
    rows = crud.select(tx, table, *conditions, only=(
        table.schema_digest, table.input_schema, table.output_schema))
    return rows[0] if rows else None
