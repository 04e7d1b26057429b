# SPDX-License-Identifier: Apache-2.0
"""Code as an uploaded ZIP file."""

import hashlib
import typing

from oslo_config import cfg

from qinling import drivers
from qinling import exception
from qinling.runtimes import agent_archive
from qinling.sources import base
from qinling.sources import dependencies

if typing.TYPE_CHECKING:
    from qinling.storage import base as storage_base


class Driver(base.Source):
    """Source of packages in the storage of the service."""

    versioned = True
    uploaded = True

    def __init__(self, conf: cfg.ConfigOpts, storage: 'storage_base.Storage'
                 ) -> None:
        self._limits = conf.resource_limits
        self._installs = conf.build.enabled
        self._can_install = drivers.load(
            'orchestrators', conf.engine.orchestrator).installs_dependencies
        self._storage = storage

    def create(self, code: base.Code, upload: typing.BinaryIO | None,
               auth: typing.Any = None) -> tuple[base.Code, str | None]:
        if upload is None:
            raise exception.Invalid(
                'Package is required: attach a ZIP file as the form field '
                '"package".')
        return self._store(code, upload)

    def update(self, present: base.Code, code: base.Code | None,
               upload: typing.BinaryIO | None, auth: typing.Any = None
               ) -> tuple[base.Code, str | None] | None:
        if upload is None:
            return None
        md5sum = (code or {}).get('md5sum')
        if md5sum and md5sum == present.get('md5sum'):
            raise exception.Invalid(
                'The function code checksum is not changed.')
        if not md5sum and _compute_digest(upload) == present.get('sha256'):
            return None
        return self._store(code or {}, upload)

    def open(self, code: base.Code, package: str | None,
             auth: typing.Any = None) -> typing.BinaryIO:
        return self._storage.open(package or '')

    def _store(self, code: base.Code, upload: typing.BinaryIO
               ) -> tuple[base.Code, str]:
        needs = self._check(upload)
        upload.seek(0)
        stored = self._storage.put(upload)
        md5sum = code.get('md5sum')
        if md5sum and md5sum != stored.md5:
            self._storage.delete(stored.key)
            raise exception.Invalid('Package md5 mismatch.')
        new_code: base.Code = {'source': 'package', 'md5sum': stored.md5,
                               'sha256': stored.sha256}
        if needs:
            new_code['dependencies'] = needs
        return new_code, stored.key

    def _check(self, upload: typing.BinaryIO) -> dict[str, str] | None:
        """Return the dependencies of a package.

        :raises Invalid, TooLarge: the package is not valid.
        """
        return self._find_dependencies(open_archive(upload, self._limits))

    def _find_dependencies(self, archive: agent_archive.Archive
                           ) -> dict[str, str] | None:
        needs = (dependencies.find_dependencies(archive) if self._installs
                 else None)
        if needs and not self._can_install:
            raise exception.Invalid(
                f'This service installs no dependencies: put what the '
                'function needs into the package, and leave out '
                f'{" and ".join(dependencies.KINDS[needs["kind"]])}.')
        return needs


def open_archive(upload: typing.BinaryIO,
                 limits: cfg.ConfigOpts.GroupAttr) -> agent_archive.Archive:
    """Return the content of a package, checked.

    :param limits: the configuration group ``resource_limits``.
    :raises Invalid, TooLarge: the package is not valid.
    """
    size = upload.seek(0, 2)
    if size > limits.max_package_size:
        raise exception.TooLarge(
            f'Package is too large: it has {size} bytes, at most '
            f'{limits.max_package_size} are allowed.')
    try:
        archive = agent_archive.Archive(upload, agent_archive.Limits(
            limits.max_package_files, limits.max_unpacked_size,
            limits.max_package_ratio))
        archive.check_content()
    except agent_archive.ArchiveTooLarge as error:
        raise exception.TooLarge(str(error))
    except agent_archive.BadArchive as error:
        raise exception.Invalid(str(error))
    return archive


def _compute_digest(upload: typing.BinaryIO) -> str:
    upload.seek(0)
    file: typing.Any = upload
    return hashlib.file_digest(file, 'sha256').hexdigest()
