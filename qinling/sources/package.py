# SPDX-License-Identifier: Apache-2.0
"""Code as an uploaded ZIP file."""

from collections.abc import Sequence
import hashlib
import stat
import typing
import zipfile

from oslo_config import cfg

from qinling import drivers
from qinling import exception
from qinling.sources import base
from qinling.sources import dependencies

if typing.TYPE_CHECKING:
    from qinling.storage import base as storage_base

#: Unpacked size below which any compression ratio is permitted.
MIN_RATIO_BYTES = 1024 * 1024
#: Average bytes of a file in the directory of an archive, at most.
MAX_ENTRY_BYTES = 512


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
        limits = self._limits
        size = upload.seek(0, 2)
        if size > limits.max_package_size:
            raise exception.TooLarge(
                f'Package is too large: it has {size} bytes, at most '
                f'{limits.max_package_size} are allowed.')
        try:
            _check_directory(upload, limits.max_package_files)
            with zipfile.ZipFile(upload) as archive:
                check_members(archive.infolist(), size, limits)
                return self._find_dependencies(archive)
        except (zipfile.BadZipFile, NotImplementedError, UnicodeError,
                ValueError, OverflowError):
            raise exception.Invalid('Package is not a valid ZIP package.')

    def _find_dependencies(self, archive: zipfile.ZipFile
                           ) -> dict[str, str] | None:
        needs = (dependencies.find_dependencies(archive) if self._installs
                 else None)
        if needs and not self._can_install:
            raise exception.Invalid(
                f'This service installs no dependencies: put what the '
                'function needs into the package, and leave out '
                f'{" and ".join(dependencies.KINDS[needs["kind"]])}.')
        return needs


def _check_directory(upload: typing.BinaryIO, files: int) -> None:
    """Raise ``Invalid`` if the directory of an archive is too large.

    ``ZipFile`` creates an object per entry before the entries can be counted.

    :param files: maximum number of files.
    """
    internals: typing.Any = zipfile
    end = internals._EndRecData(upload)
    if end and end[internals._ECD_SIZE] > files * MAX_ENTRY_BYTES:
        raise exception.Invalid(
            'Package has a directory that is too large for at most '
            f'{files} files.')


def check_members(members: Sequence[zipfile.ZipInfo], size: int,
                  limits: cfg.ConfigOpts.GroupAttr) -> None:
    """Check that an archive is safe to unpack.

    :param size: bytes of the archive.
    :param limits: the options of ``[resource_limits]``.
    :raises Invalid: a member is outside the package, or neither a file nor a
        directory; or the number of members is too large.
    :raises TooLarge: the unpacked package is too large.
    """
    if len(members) > limits.max_package_files:
        raise exception.Invalid(
            f'Package holds {len(members)} files, at most '
            f'{limits.max_package_files} are allowed.')
    names = set()
    for member in members:
        _check_member(member)
        if member.filename in names:
            raise exception.Invalid(
                f'Package holds {member.filename!r} more than once.')
        names.add(member.filename)
    total = sum(member.file_size for member in members)
    if total > limits.max_unpacked_size:
        raise exception.TooLarge(
            f'Package is too large: it unpacks to {total} bytes, at most '
            f'{limits.max_unpacked_size} are allowed.')
    if total > max(MIN_RATIO_BYTES, size * limits.max_package_ratio):
        raise exception.Invalid(
            f'Package unpacks to more than {limits.max_package_ratio} times '
            'its size.')


def _check_member(member: zipfile.ZipInfo) -> None:
    # Unlike orig_filename, filename ends before a NUL.
    name = member.orig_filename
    parts = name.replace('\\', '/').split('/')
    if ('\0' in name or name.startswith(('/', '\\')) or '..' in parts
            or parts[0][1:2] == ':'):
        raise exception.Invalid(
            f'Package is not safe: {name!r} is outside the package.')
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise exception.Invalid(
            f'Package is not safe: {name!r} is a link or a special file.')
    if member.flag_bits & 0x1:
        raise exception.Invalid(
            f'Package is encrypted: {name!r} cannot be read.')


def _compute_digest(upload: typing.BinaryIO) -> str:
    upload.seek(0)
    file: typing.Any = upload
    return hashlib.file_digest(file, 'sha256').hexdigest()
