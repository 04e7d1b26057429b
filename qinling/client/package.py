# SPDX-License-Identifier: Apache-2.0
"""Packages, created in memory from files or from a directory."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import io
import os
import pathlib
import posixpath
import stat
import typing
import zipfile

from qinling.client import exceptions

#: File of patterns to leave out of a package, in the syntax of
#: ``.gitignore``.
IGNORE = '.qinlingignore'
#: State of the private server of "qinling dev" in a project.
STATE = '.qinling'
ALWAYS_IGNORED = (IGNORE, '.git/', f'{STATE}/', '__pycache__/', '*.py[co]')
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
        raise exceptions.ClientError(
            f'Cannot read package {exceptions.describe_failure(e)}')


def create_archive(paths: Sequence[str | os.PathLike[str]],
                   report: Callable[[str], None] | None = None,
                   include: Sequence[str] = (), compress: bool = True
                   ) -> bytes:
    """Return the bytes of a package.

    One directory stands for its content.  Of several paths, files are in the
    root of the package, and directories keep their names.  The same files
    always result in the same bytes.

    :param report: receives a sentence about each link to a file outside of
        the paths, whose content is packed.
    :param include: patterns of files to pack though a project leaves them
        out.
    :param compress: make a small package; for a server on this machine, a
        large one is faster.
    :raises ClientError: if a file cannot be read or packed.
    """
    try:
        trees = _find_trees([pathlib.Path(path) for path in paths])
        return _pack(_collect_members(trees, report, include), compress)
    except OSError as e:
        raise exceptions.ClientError(
            f'Cannot create the package: {exceptions.describe_failure(e)}')


def list_members(data: bytes) -> dict[str, tuple[int, int, int]] | None:
    """Return name -> mode, checksum and size, ``None`` for no archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {info.filename: (info.external_attr >> 16, info.CRC,
                                    info.file_size)
                    for info in archive.infolist()}
    except zipfile.BadZipFile:
        return None


@dataclasses.dataclass(frozen=True)
class Tree:
    """File or directory to pack.

    :ivar name: name in the package, empty for the root.
    """

    path: pathlib.Path
    name: str

    def locate(self, path: pathlib.Path) -> str | None:
        """Return the name of a path in the package, if it is inside."""
        root = self.path.resolve()
        if not path.is_relative_to(root):
            return None
        return posixpath.normpath(posixpath.join(
            self.name, path.relative_to(root).as_posix()))


@dataclasses.dataclass(frozen=True)
class Member:
    """Content of a package.

    :ivar target: of a link to a directory in the package, else ``None``.
    """

    path: pathlib.Path
    target: str | None = None


def _find_trees(paths: list[pathlib.Path]) -> list[Tree]:
    """Return the trees of paths on the command line."""
    if len(paths) == 1 and paths[0].is_dir():
        return [Tree(paths[0], '')]
    return [Tree(path, os.path.basename(os.path.abspath(path)))
            for path in paths]


def _collect_members(trees: list[Tree],
                     report: Callable[[str], None] | None,
                     include: Sequence[str]) -> dict[str, Member]:
    """Return {name in the package: member}."""
    members: dict[str, Member] = {}
    for tree in trees:
        entries = (_walk(tree.path, include) if tree.path.is_dir()
                   else iter([('', tree.path)]))
        for name, path in entries:
            name = posixpath.normpath(posixpath.join(tree.name, name))
            if name in members:
                raise exceptions.ClientError(
                    f'{members[name].path} and {path} have the same name.')
            target = _follow_link(name, path, trees, report)
            members[name] = Member(path, target)
    return members


def _walk(root: pathlib.Path, include: Sequence[str]
          ) -> Iterator[tuple[str, pathlib.Path]]:
    """Yield names and paths of files and of links to directories."""
    is_ignored = _load_ignore_rules(root, include)
    for parent, directories, files in os.walk(root, onerror=_raise):
        directory = pathlib.Path(parent)
        directories.sort()
        for name in list(directories):
            member = (directory / name).relative_to(root).as_posix()
            if is_ignored(member + '/'):
                directories.remove(name)
            elif (directory / name).is_symlink():
                directories.remove(name)
                yield member, directory / name
        for name in sorted(files):
            member = (directory / name).relative_to(root).as_posix()
            if not is_ignored(member):
                yield member, directory / name


def _follow_link(name: str, path: pathlib.Path, trees: list[Tree],
                 report: Callable[[str], None] | None) -> str | None:
    """Return the target of a link to a directory.

    A link to a file is replaced by the file.

    :raises ClientError: if the directory is not in the package.
    """
    if not path.is_symlink():
        return None
    target = path.resolve()
    names = [inner for tree in trees
             if (inner := tree.locate(target)) is not None]
    if not target.is_dir():
        if not names and report is not None:
            report(f'{path} is a link to {target}, outside the package; the '
                   'package contains a copy of the file.')
        return None
    if not names:
        raise exceptions.ClientError(
            f'{path} is a link to a directory outside the package, {target}; '
            f'add it (--file {target}), add the link to {IGNORE}, or replace '
            'the link by a directory.')
    return posixpath.relpath(names[0], posixpath.dirname(name) or '.')


def _load_ignore_rules(root: pathlib.Path, include: Sequence[str]
                       ) -> Callable[[str], bool | None]:
    """Return a function that checks whether a name is left out."""
    # Only the commands depend on pathspec, not the Python client.
    import pathspec

    lines = list(ALWAYS_IGNORED)
    if (root / IGNORE).is_file():
        lines += (root / IGNORE).read_text('utf-8').splitlines()
    lines += [f'!{pattern}' for pattern in include]
    match = pathspec.GitIgnoreSpec.from_lines(lines).match_file

    def is_ignored(name: str) -> bool | None:
        # Some backends of pathspec encode names.
        return match(name.encode(errors='replace').decode())
    return is_ignored


def _raise(error: OSError) -> typing.NoReturn:
    raise error


def _pack(members: dict[str, Member], compress: bool) -> bytes:
    packed = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    size = 0
    with zipfile.ZipFile(packed, 'w', method) as archive:
        for name, member in sorted(members.items()):
            _check_name(name, member.path)
            mode, data = _read_member(member, MAX_SIZE_BYTES - size)
            size += len(data)
            # ZipInfo() sets the time to 1980: the bytes stay the same.
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            info.external_attr = mode << 16
            archive.writestr(info, data)
    return packed.getvalue()


def _check_name(name: str, path: pathlib.Path) -> None:
    """Raise ``ClientError`` for a name that no package can contain."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise exceptions.ClientError(
            f'The name {os.fspath(path)!r} is not text in UTF-8; rename the '
            f'file, or add it to {IGNORE}.')
    if '\\' in name:
        raise exceptions.ClientError(
            f'The name {os.fspath(path)!r} contains a backslash, which '
            f'separates directories in a package; rename the file, or add it '
            f'to {IGNORE}.')


def _read_member(member: Member, max_size: int) -> tuple[int, bytes]:
    """Return mode and content of a file, or of a link to a directory."""
    if member.target is not None:
        return stat.S_IFLNK | 0o777, os.fsencode(member.target)
    path = member.path
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise exceptions.ClientError(f'{path} is not a file.')
    if state.st_size > max_size:
        raise exceptions.ClientError(
            f'The files have more than {MAX_SIZE_BYTES} bytes; list '
            f'unneeded files in {IGNORE}.')
    executable = state.st_mode & stat.S_IXUSR
    return (stat.S_IFREG | (0o755 if executable else 0o644),
            path.read_bytes())
