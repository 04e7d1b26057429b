# SPDX-License-Identifier: Apache-2.0
"""Seals of versions: computation and verification of their digests."""

import dataclasses
import typing

from oslo_config import cfg

from qinling import context
from qinling.core import digests
from qinling.core.function import secret_references
from qinling.db import crud
from qinling.db import models
from qinling.db import session
from qinling import exception
from qinling.runtimes import agent_archive

if typing.TYPE_CHECKING:
    from qinling.core import services

_VERSION, _SETTINGS = models.FunctionVersion, models.FunctionSettings


@dataclasses.dataclass(frozen=True)
class Verification:
    """Comparison of a stored digest with the stored package and row.

    ``parts`` names what differs; ``digest`` is the stored text itself.
    """

    digest: str
    recomputed: str
    valid: bool
    parts: list[str]


class Seals:
    """Computes the digests of functions and versions."""

    def __init__(self, conf: cfg.ConfigOpts, db: session.Database,
                 backends: 'services.Backends') -> None:
        self._options = conf.resource_limits
        self._db = db
        self._backends = backends

    def hash_code(self, row: typing.Any) -> str:
        """Return the hash of the stored package.

        :raises NotFound: the package is gone.
        :raises Conflict: the package is damaged, or too large by now.
        """
        try:
            with self._backends.sources[row.code['source']].open(
                    row.code, row.package) as file:
                return digests.hash_package(agent_archive.Archive(
                    file, agent_archive.Limits(
                        agent_archive.MAX_MEMBERS,
                        self._options.max_unpacked_size, None)))
        except FileNotFoundError:
            raise exception.NotFound(reason='the package is gone; try '
                                            'again, or upload the code.')
        except agent_archive.BadArchive as e:
            raise exception.Conflict(reason=f'the package has no digest: {e}')

    def verify(self, row: typing.Any) -> Verification:
        """Compare a version with its digest.

        :raises Conflict: the version has no digest.
        """
        if row.digest is None:
            raise exception.Conflict(
                reason=f'version {row.version_number} was published by a '
                       'release without digests; publish the code again.')
        code = self.hash_code(row)
        result = self._db.read(_compare, row, code)
        if not result.valid:
            # A request may have changed the version between two statements.
            result = self._db.read(_compare, row, code)
        return result


def compute(tx: session.Connection, row: typing.Any, code: str,
            lock: bool = False) -> dict[str, str]:
    """Return the hashes of the parts of a function or version.

    :param code: result of :meth:`Seals.hash_code`.
    :param lock: keep the image of the runtime until the end.
    """
    runtime = crud.get(tx, context.admin(), models.Runtime, lock=lock,
                       id=row.runtime_id)
    rows = crud.select(tx, _SETTINGS, _SETTINGS.id == row.settings_id)
    stored = rows[0] if rows else None
    secrets = {name: {
        'mode': reference.mode,
        'number': reference.number
        if reference.mode == secret_references.PINNED else None}
        for name, reference in secret_references.load(stored).items()}
    return digests.hash_parts(
        row, code, runtime and runtime.image,
        stored.environment if stored else {}, secrets)


def _compare(tx: session.Connection, row: typing.Any, code: str
             ) -> Verification:
    row = next(iter(crud.select(tx, _VERSION, _VERSION.id == row.id)), row)
    parts = compute(tx, row, code)
    recomputed = digests.combine(parts)
    is_valid = row.digest == recomputed
    different = [name for name in digests.PARTS
                 if parts.get(name) != row.digest_parts.get(name)]
    if not (is_valid or different):
        different = ['digest']
    return Verification(row.digest, recomputed, is_valid, different)
