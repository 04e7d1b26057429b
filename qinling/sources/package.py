# SPDX-License-Identifier: Apache-2.0
"""Code that the user uploads as a ZIP file."""

import hashlib
import stat
import zipfile

from qinling import exception
from qinling.sources import base
from qinling.sources import dependencies

#: Packages that unpack to less are never too dense.
SMALL = 1024 * 1024
#: Bytes that a file takes in the directory of an archive at most, on average.
ENTRY = 512


class Driver(base.Source):
    """Checks a package and puts it into storage."""

    versioned = True
    uploaded = True

    def __init__(self, conf, storage):
        self._limits = conf.resource_limits
        self._installs = conf.build.enabled
        self._can_install = conf.engine.orchestrator == 'process'
        self._storage = storage

    def create(self, code, upload, auth=None):
        if upload is None:
            raise exception.Invalid(
                'Package is required: attach a ZIP file as the form field '
                '"package".')
        return self._keep(code, upload)

    def update(self, present, code, upload, auth=None):
        if upload is None:
            return None
        given = (code or {}).get('md5sum')
        if given and given == present.get('md5sum'):
            raise exception.Invalid(
                'The function code checksum is not changed.')
        if not given and _digest(upload) == present.get('sha256'):
            return None
        return self._keep(code or {}, upload)

    def open(self, code, package, auth=None):
        return self._storage.open(package)

    def _keep(self, code, upload):
        needed = self._check(upload)
        upload.seek(0)
        stored = self._storage.put(upload)
        given = code.get('md5sum')
        if given and given != stored.md5:
            self._storage.delete(stored.key)
            raise exception.Invalid('Package md5 mismatch.')
        kept = {'source': 'package', 'md5sum': stored.md5,
                'sha256': stored.sha256}
        if needed:
            kept['dependencies'] = needed
        return kept, stored.key

    def _check(self, upload):
        """Refuse what is no good package; returns what it depends on."""
        limits = self._limits
        size = upload.seek(0, 2)
        if size > limits.max_package_size:
            raise exception.TooLarge(
                f'Package is too large: it has {size} bytes, at most '
                f'{limits.max_package_size} are allowed.')
        try:
            _check_directory(upload, limits.max_package_files)
            with zipfile.ZipFile(upload) as archive:
                check(archive.infolist(), size, limits)
                return self._needed(archive)
        except (zipfile.BadZipFile, NotImplementedError, UnicodeError,
                ValueError, OverflowError):
            raise exception.Invalid('Package is not a valid ZIP package.')

    def _needed(self, archive):
        needed = dependencies.find(archive) if self._installs else None
        if needed and not self._can_install:
            raise exception.Invalid(
                f'This service installs no dependencies: put what the '
                'function needs into the package, and leave out '
                f'{" and ".join(dependencies.KINDS[needed["kind"]])}.')
        return needed


def _check_directory(upload, files):
    """Refuse a directory too large to be read: ``ZipFile`` makes an object
    of each entry before anybody can count them."""
    end = zipfile._EndRecData(upload)
    if end and end[zipfile._ECD_SIZE] > files * ENTRY:
        raise exception.Invalid(
            'Package has a directory that is too large for at most '
            f'{files} files.')


def check(members, size, limits):
    """Refuse an archive that is not safe to unpack.

    :param members: its ``ZipInfo`` objects.
    :param size: bytes of the archive.
    :param limits: the options of ``[resource_limits]``.
    :raises Invalid: a member would land outside the package, or is neither
        a file nor a directory, or there are too many.
    :raises TooLarge: it unpacks to too much.
    """
    if len(members) > limits.max_package_files:
        raise exception.Invalid(
            f'Package holds {len(members)} files, at most '
            f'{limits.max_package_files} are allowed.')
    seen = set()
    for member in members:
        _check_member(member)
        if member.filename in seen:
            raise exception.Invalid(
                f'Package holds {member.filename!r} more than once.')
        seen.add(member.filename)
    total = sum(member.file_size for member in members)
    if total > limits.max_unpacked_size:
        raise exception.TooLarge(
            f'Package is too large: it unpacks to {total} bytes, at most '
            f'{limits.max_unpacked_size} are allowed.')
    if total > max(SMALL, size * limits.max_package_ratio):
        raise exception.Invalid(
            f'Package unpacks to more than {limits.max_package_ratio} times '
            'its size.')


def _check_member(member):
    # orig_filename still has what zipfile cuts off behind a NUL.
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


def _digest(upload):
    upload.seek(0)
    return hashlib.file_digest(upload, 'sha256').hexdigest()
