# SPDX-License-Identifier: Apache-2.0
"""Packages, made in memory from files or from a directory."""

import io
import os
import pathlib
import stat
import zipfile

from qinling.client import exceptions

#: Says in the language of ``.gitignore`` what stays out of a package.
IGNORE = '.qinlingignore'
ALWAYS_IGNORED = (IGNORE, '.git/', '__pycache__/', '*.py[co]')
#: Bytes; more than that is a directory that was not meant.
MOST = 1024 ** 3


def read(path):
    """The bytes of a package that is there already.

    :raises ClientError: if it cannot be read, or is no ZIP file.
    """
    try:
        if not zipfile.is_zipfile(path):
            # Opened, since what is not there is no ZIP file either.
            with open(path, 'rb'):
                raise exceptions.ClientError(
                    f'Package {path} is not a valid ZIP file.')
        return pathlib.Path(path).read_bytes()
    except OSError as e:
        raise exceptions.ClientError(f'Package {path} cannot be read: {e}')


def build(paths):
    """The bytes of a package of files, which lie in its root by their last
    names, or of what is in one directory.

    The same files make the same bytes, whenever and wherever that is.

    :raises ClientError: if something cannot be read or packed.
    """
    try:
        members = _members([pathlib.Path(path) for path in paths])
        return _pack(members)
    except OSError as e:
        raise exceptions.ClientError(f'The package cannot be made: {e}')


def _members(paths):
    """{name in the package: path}."""
    if len(paths) == 1 and paths[0].is_dir():
        return dict(_walk(paths[0]))
    members = {}
    for path in paths:
        if path.is_dir():
            raise exceptions.ClientError(
                f'{path} is a directory; a directory makes a package alone.')
        if path.name in members:
            raise exceptions.ClientError(
                f'{members[path.name]} and {path} have the same name.')
        members[path.name] = path
    return members


def _walk(root):
    ignored = _ignored(root)
    for place, directories, files in os.walk(root, onerror=_raise):
        here = pathlib.Path(place)
        directories.sort()
        for name in list(directories):
            inside = (here / name).relative_to(root).as_posix()
            if ignored(inside + '/'):
                directories.remove(name)
            elif (here / name).is_symlink():
                raise exceptions.ClientError(
                    f'{here / name} is a link to a directory; name it in '
                    f'{IGNORE}, or put a directory in its place.')
        for name in sorted(files):
            inside = (here / name).relative_to(root).as_posix()
            if not ignored(inside):
                yield inside, here / name


def _ignored(root):
    """Tells of a name in a directory whether it stays out."""
    # A dependency of the commands only, not of the Python client.
    import pathspec

    lines = list(ALWAYS_IGNORED)
    if (root / IGNORE).is_file():
        lines += (root / IGNORE).read_text('utf-8').splitlines()
    return pathspec.GitIgnoreSpec.from_lines(lines).match_file


def _raise(error):
    raise error


def _pack(members):
    packed = io.BytesIO()
    left = MOST
    with zipfile.ZipFile(packed, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(members.items()):
            state = path.stat()
            if not stat.S_ISREG(state.st_mode):
                raise exceptions.ClientError(f'{path} is not a file.')
            left -= state.st_size
            if left < 0:
                raise exceptions.ClientError(
                    f'There is more than {MOST} bytes to pack; name what is '
                    f'not needed in {IGNORE}.')
            # The time is always 1980, so that the bytes do not depend on it.
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            executable = state.st_mode & stat.S_IXUSR
            info.external_attr = (
                stat.S_IFREG | (0o755 if executable else 0o644)) << 16
            archive.writestr(info, path.read_bytes())
    return packed.getvalue()
