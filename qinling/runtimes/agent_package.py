# SPDX-License-Identifier: Apache-2.0
"""Extraction of packages."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO
# The agent is no package.
if TYPE_CHECKING or __package__:
    from . import agent_archive
else:
    import agent_archive

#: The package cannot be unpacked; the message is a sentence.
UnsafePackage = agent_archive.BadArchive


def unpack(archive: BinaryIO, directory: str, max_size: int) -> None:
    """Extract a ZIP archive into a directory.

    Preserves only the executable bit of modes.  Files from an earlier archive
    stay as they are.

    :param max_size: maximum bytes of all files together.
    :raises UnsafePackage: the archive is not valid, not safe or too large.
    """
    package = agent_archive.Archive(archive, agent_archive.Limits(
        agent_archive.MAX_MEMBERS, max_size, None))
    # Names are UTF-8 with every locale.
    root = os.fsencode(directory)
    try:
        for path in package.directories:
            _create_directory(os.path.join(root, path.encode()), path)
        for member in package.tree.values():
            if member.kind == agent_archive.FILE:
                _extract(package, member, os.path.join(
                    root, member.path.encode()))
        # Last, so that no file is written through a link.
        for member in package.tree.values():
            if member.kind == agent_archive.LINK:
                _create_link(member, os.path.join(root, member.path.encode()))
    except OSError as error:
        raise UnsafePackage('The package cannot be unpacked: %s.'
                            % error.strerror) from error


def _create_directory(path: bytes, name: str) -> None:
    """Create a directory, unless an earlier archive has the directory."""
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise UnsafePackage(
                'The dependencies of the package need a directory %r, which '
                'is a file or a link in the package.' % name) from None


def _extract(package: agent_archive.Archive, member: agent_archive.Member,
             path: bytes) -> None:
    """Extract a file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags,
                             0o755 if member.executable else 0o644)
    except FileExistsError:
        return
    with open(descriptor, 'wb') as target:
        for chunk in package.read_chunks(member):
            target.write(chunk)


def _create_link(member: agent_archive.Member, path: bytes) -> None:
    try:
        os.symlink(member.target.encode(), path)
    except FileExistsError:
        pass
