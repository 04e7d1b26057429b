# SPDX-License-Identifier: Apache-2.0
"""Packages, created in memory from files or from a directory."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import io
import os
import pathlib
import stat
import typing
import zipfile

from qinling.client import exceptions

#: File of patterns to leave out of a package, in the syntax of
#: ``.gitignore``.
IGNORE = '.qinlingignore'
ALWAYS_IGNORED = (IGNORE, '.git/', '__pycache__/', '*.py[co]')
#: A larger directory is probably the wrong one.
MAX_SIZE_BYTES = 1024 ** 3


def read_archive(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of an existing package.

    :raises ClientError: if the file cannot be read, or is not a ZIP file.
    """
    try:
        if not zipfile.is_zipfile(path):
            # is_zipfile() is also false for a missing file; open() raises.
            with open(path, 'rb'):
                raise exceptions.ClientError(
                    f'Package {path} is not a valid ZIP file.')
        return pathlib.Path(path).read_bytes()
    except OSError as e:
        raise exceptions.ClientError(f'Cannot read package {path}: {e}')


def create_archive(paths: Sequence[str | os.PathLike[str]]) -> bytes:
    """Return the bytes of a package of files, all in the root of the
    package, or of the content of one directory.

    The same files always result in the same bytes.

    :raises ClientError: if a file cannot be read or packed.
    """
    try:
        members = _collect_members([pathlib.Path(path) for path in paths])
        return _pack(members)
    except OSError as e:
        raise exceptions.ClientError(f'Cannot create the package: {e}')


def _collect_members(paths: list[pathlib.Path]) -> dict[str, pathlib.Path]:
    """Return {name in the package: path}."""
    if len(paths) == 1 and paths[0].is_dir():
        return dict(_walk(paths[0]))
    members: dict[str, pathlib.Path] = {}
    for path in paths:
        if path.is_dir():
            raise exceptions.ClientError(
                f'{path} is a directory; a package of a directory takes no '
                'further files.')
        if path.name in members:
            raise exceptions.ClientError(
                f'{members[path.name]} and {path} have the same name.')
        members[path.name] = path
    return members


def _walk(root: pathlib.Path) -> Iterator[tuple[str, pathlib.Path]]:
    is_ignored = _load_ignore_rules(root)
    for parent, directories, files in os.walk(root, onerror=_raise):
        directory = pathlib.Path(parent)
        directories.sort()
        for name in list(directories):
            member = (directory / name).relative_to(root).as_posix()
            if is_ignored(member + '/'):
                directories.remove(name)
            elif (directory / name).is_symlink():
                raise exceptions.ClientError(
                    f'{directory / name} is a link to a directory; add the '
                    f'link to {IGNORE}, or replace it by a directory.')
        for name in sorted(files):
            member = (directory / name).relative_to(root).as_posix()
            if not is_ignored(member):
                yield member, directory / name


def _load_ignore_rules(root: pathlib.Path) -> Callable[[str], bool | None]:
    """Return a function that checks whether a name is left out."""
    # Only the commands depend on pathspec, not the Python client.
    import pathspec

    lines = list(ALWAYS_IGNORED)
    if (root / IGNORE).is_file():
        lines += (root / IGNORE).read_text('utf-8').splitlines()
    return pathspec.GitIgnoreSpec.from_lines(lines).match_file


def _raise(error: OSError) -> typing.NoReturn:
    raise error


def _pack(members: dict[str, pathlib.Path]) -> bytes:
    packed = io.BytesIO()
    size = 0
    with zipfile.ZipFile(packed, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(members.items()):
            state = path.stat()
            if not stat.S_ISREG(state.st_mode):
                raise exceptions.ClientError(f'{path} is not a file.')
            size += state.st_size
            if size > MAX_SIZE_BYTES:
                raise exceptions.ClientError(
                    f'The files have more than {MAX_SIZE_BYTES} bytes; list '
                    f'unneeded files in {IGNORE}.')
            # ZipInfo() sets the time to 1980: the bytes stay the same.
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            executable = state.st_mode & stat.S_IXUSR
            info.external_attr = (
                stat.S_IFREG | (0o755 if executable else 0o644)) << 16
            archive.writestr(info, path.read_bytes())
    return packed.getvalue()
