# SPDX-License-Identifier: Apache-2.0
"""Paths of the members of a package: names, directories and links.

Backslashes separate directories like slashes, ``.`` and empty parts are
ignored, and names differ by case.  Links must stay inside the package.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

FILE, DIRECTORY, LINK = 'file', 'directory', 'link'

MAX_NAME_BYTES = 255   # of one part of a path: the limit of file systems
MAX_PATH_BYTES = 1024  # below PATH_MAX, with room for the directory
MAX_DEPTH = 100
MAX_LINKS_FOLLOWED = 40  # as the kernel
#: Parts of paths to follow for all links of a package together.
MAX_LINK_STEPS = 200000
MAX_QUOTED_LENGTH = 80


class BadArchive(Exception):
    """A package is not valid; the message is a sentence."""


class Member:
    """Member of an archive.

    ``path`` is normalized, and empty for the package itself; ``kind`` is from
    above; ``target`` is the target of a link.  The other fields are as in the
    directory of the archive: ``raw_name`` in bytes, ``size`` unpacked,
    ``start`` of the local header in the file.
    """

    __slots__ = ('compressed_size', 'crc', 'data_start', 'executable', 'flags',
                 'kind', 'method', 'path', 'raw_name', 'size', 'start',
                 'target')

    path: str
    kind: str
    target: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    size: int
    compressed_size: int
    start: int
    data_start: int
    executable: bool


def quote(name: str) -> str:
    """Return a name as a short text for a sentence."""
    if len(name) > MAX_QUOTED_LENGTH:
        return repr(name[:MAX_QUOTED_LENGTH]) + '...'
    return repr(name)


def normalize(name: str) -> tuple[str, bool]:
    """Return the path of a member, and whether the name has a final slash.

    :raises BadArchive: the path is empty, too long or outside the package.
    """
    if '\0' in name:
        raise BadArchive(
            f'Package holds {quote(name)}: a name cannot contain NUL.')
    text = name.replace('\\', '/')
    parts = [part for part in text.split('/') if part not in ('', '.')]
    if text.startswith('/') or '..' in parts or has_drive(parts):
        raise BadArchive(
            f'Package is not safe: {quote(name)} is outside the package.')
    path = '/'.join(parts)
    if len(parts) > MAX_DEPTH or len(path.encode()) > MAX_PATH_BYTES:
        raise BadArchive(
            f'Package holds {quote(name)}, a path that is too long: at most '
            f'{MAX_PATH_BYTES} bytes and {MAX_DEPTH} parts are allowed.')
    if any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        raise BadArchive(
            f'Package holds {quote(name)}, a name that is too long: at most '
            f'{MAX_NAME_BYTES} bytes are allowed.')
    is_directory = text.endswith('/') or text.rpartition('/')[2] == '.'
    if not path and not is_directory:
        raise BadArchive(
            'Package holds a file without a name; give each file a name.')
    return path, is_directory


def has_drive(parts: list[str]) -> bool:
    """Return whether a path begins with a drive letter of Windows."""
    return bool(parts) and parts[0][1:2] == ':' and parts[0][0].isalpha()


def build_tree(members: Iterable[Member], max_directories: int
               ) -> tuple[dict[str, Member], list[str]]:
    """Return the members by path, and all directories, parents first.

    :param max_directories: maximum number of directories.
    :raises BadArchive: two members conflict, or there are too many
        directories.
    """
    tree: dict[str, Member] = {}
    for member in members:
        if member.path in tree:
            _merge(tree[member.path], member)
        elif member.path:
            tree[member.path] = member
    directories: set[str] = set()
    for path, member in tree.items():
        if member.kind != DIRECTORY:
            path = path.rpartition('/')[0]
        while path and path not in directories:
            _check_directory(path, tree)
            directories.add(path)
            if len(directories) > max_directories:
                raise BadArchive(
                    f'Package has more than {max_directories} directories, '
                    'more are not allowed.')
            path = path.rpartition('/')[0]
    return tree, sorted(directories)


def _merge(first: Member, second: Member) -> None:
    """Raise ``BadArchive`` unless both members are the same directory."""
    if first.kind == second.kind == DIRECTORY:
        return
    if DIRECTORY in (first.kind, second.kind):
        raise BadArchive(f'Package holds {quote(first.path)} as a file and '
                         'as a directory.')
    raise BadArchive(f'Package holds {quote(first.path)} more than once.')


def _check_directory(path: str, tree: Mapping[str, Member]) -> None:
    member = tree.get(path)
    if member is None or member.kind == DIRECTORY:
        return
    if member.kind == LINK:
        raise BadArchive(f'Package is not safe: it holds files below the '
                         f'link {quote(path)}.')
    raise BadArchive(
        f'Package holds {quote(path)} as a file and as a directory.')


def check_links(tree: Mapping[str, Member]) -> None:
    """Check that all links stay inside the package.

    :raises BadArchive: a link leads outside, or in a circle.
    """
    steps = 0
    for member in tree.values():
        if member.kind == LINK:
            steps += _follow(member, tree, MAX_LINK_STEPS - steps)


def _follow(link: Member, tree: Mapping[str, Member], max_steps: int) -> int:
    """Follow a link to its end, and return the number of steps.

    A missing file counts as inside: the function may create the file.
    """
    position = link.path.split('/')[:-1]
    todo = _split_target(link, link)
    steps = followed = 0
    while todo:
        steps += 1
        if steps > max_steps:
            raise BadArchive('Package has too many links; replace some by '
                             'copies of their files.')
        part = todo.pop()
        if part == '..' and position:
            position.pop()
            continue
        if part == '..':
            raise _create_outside_error(link)
        position.append(part)
        path = '/'.join(position)
        if len(path.encode()) > MAX_PATH_BYTES:
            raise BadArchive(
                f'Package has the link {quote(link.path)} with a target that '
                f'is too long: at most {MAX_PATH_BYTES} bytes are allowed.')
        member = tree.get(path)
        if member is not None and member.kind == LINK:
            followed += 1
            if followed > MAX_LINKS_FOLLOWED:
                raise BadArchive(f'Package has the link {quote(link.path)}, '
                                 'which leads in a circle.')
            position.pop()
            todo += _split_target(member, link)
    return steps


def _split_target(member: Member, link: Member) -> list[str]:
    """Return the parts of a target, the last part first.

    :param link: the link to name in a sentence.
    """
    parts = [part for part in member.target.split('/')
             if part not in ('', '.')]
    if member.target.startswith('/') or has_drive(parts):
        raise _create_outside_error(link)
    return parts[::-1]


def _create_outside_error(link: Member) -> BadArchive:
    return BadArchive(f'Package is not safe: the link {quote(link.path)} '
                      'leads outside the package.')
