# SPDX-License-Identifier: Apache-2.0
"""Digests: one hash over everything that an execution of a version runs.

Each part has a hash of its own, the SHA-256 of its canonical JSON: sorted
keys, no blanks, ASCII.  The digest is the hash of the object of these hashes,
so a difference has a name, and a change of one part needs no package.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import hashlib
import json
import typing

from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling.runtimes import agent_archive

#: Prefix of a digest: the name of the hash.
ALGORITHM = 'sha256:'
#: Columns of a version that one part covers.
LIMITS = ('cpu', 'memory_size', 'timeout')
CODE, RUNTIME = 'code', 'runtime'
#: Parts of a digest.
PARTS = (CODE, RUNTIME, 'entry', 'limits', 'async_policy', 'environment',
         'secrets', 'dependencies', 'schemas')

_VERSION = models.FunctionVersion


def hash_json(value: typing.Any) -> str:
    """Return the hash of the canonical JSON of a value."""
    text = json.dumps(value, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode()).hexdigest()


def hash_package(archive: agent_archive.Archive) -> str:
    """Return the hash of the files and links of a package.

    Times, compression and order within the ZIP file do not matter.

    :raises BadArchive: a file is damaged.
    """
    return hash_json(list(_list_members(archive)))


def _list_members(archive: agent_archive.Archive
                  ) -> Iterator[tuple[str, str, bool, str]]:
    """Yield path, kind, executable bit, and hash or target of a link."""
    for path, member in sorted(archive.tree.items()):
        if member.kind == agent_archive.LINK:
            yield path, 'link', False, member.target
        elif member.kind == agent_archive.FILE:
            digest = hashlib.sha256()
            for chunk in archive.read_chunks(member):
                digest.update(chunk)
            yield path, 'file', member.executable, digest.hexdigest()


def hash_parts(row: typing.Any, code: str, image: str | None,
               environment: Mapping[str, str], secrets: Mapping[
                   str, typing.Any]) -> dict[str, str]:
    """Return the hashes of the parts of a function or version.

    :param code: result of :func:`hash_package`.
    :param image: image of the runtime.
    :param secrets: name -> mode and number.
    """
    values = {'entry': row.entry, 'async_policy': row.async_policy,
              'limits': {name: getattr(row, name) for name in LIMITS},
              'environment': dict(environment), 'secrets': dict(secrets),
              'dependencies': row.code.get('dependencies')}
    schemas = [row.input_schema, row.output_schema]
    if any(schema is not None for schema in schemas):
        # Versions of releases without schemas keep their digests.
        values['schemas'] = schemas
    return {CODE: code, RUNTIME: hash_json(image), **{
        name: hash_json(value) for name, value in values.items()}}


def combine(parts: Mapping[str, str]) -> str:
    """Return the digest of the hashes of all parts."""
    return ALGORITHM + hash_json(dict(parts))


def change_image(tx: session.Connection, runtime_id: str, image: str) -> None:
    """Renew the digests of the versions on a runtime with another image.

    The part of the runtime is the only one that changes after publication,
    and only by the decision of an operator.
    """
    part = hash_json(image)
    for row in crud.select(
            tx, _VERSION, _VERSION.runtime_id == runtime_id,
            _VERSION.digest.is_not(None),
            only=(_VERSION.id, _VERSION.digest_parts)):
        parts = dict(row.digest_parts, **{RUNTIME: part})
        if parts != row.digest_parts:
            crud.update(tx, _VERSION, row.id, {
                'digest_parts': parts, 'digest': combine(parts)})
