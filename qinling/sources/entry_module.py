# SPDX-License-Identifier: Apache-2.0
"""Entry module of an uploaded package, for the checks of the syntax."""

from collections.abc import Iterable
import typing

from oslo_config import cfg

from qinling import exception
from qinling.runtimes import agent_archive

#: Larger modules are not checked.
MAX_SOURCE_BYTES = 1 << 18
#: Seconds after which a check leaves the code to the worker.
TIMEOUT_SECONDS = 2
MAX_MESSAGE_LENGTH = 200


def read(upload: typing.BinaryIO, limits: cfg.ConfigOpts.GroupAttr,
         names: Iterable[str]) -> tuple[str, bytes] | None:
    """Return name and content of the first of several files.

    :returns: ``None`` without such a file of a valid package; the content of
        a large file is empty.
    """
    if upload.seek(0, 2) > limits.max_package_size:
        return None
    try:
        archive = agent_archive.Archive(upload, agent_archive.Limits(
            limits.max_package_files, limits.max_unpacked_size,
            limits.max_package_ratio))
        for name in names:
            member = archive.tree.get(name)
            if member is not None and member.kind == agent_archive.FILE:
                return name, (b''.join(archive.read_chunks(member))
                              if member.size <= MAX_SOURCE_BYTES else b'')
    except agent_archive.BadArchive:
        pass
    return None


def reject(name: str, line: int, message: str) -> typing.NoReturn:
    """Raise the error of a module that is not valid.

    :raises Invalid: always.
    """
    raise exception.Invalid(f'{name} has a syntax error in line {line}: '
                            f'{message[:MAX_MESSAGE_LENGTH]}.')
