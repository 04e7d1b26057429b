# SPDX-License-Identifier: Apache-2.0
"""Wheels in a package, which requirements.txt names by their paths.

pip installs these files without the index, so that a wheel must not name
addresses of further files.
"""

import email.parser
import io
import re

from packaging import requirements
from packaging import utils

from qinling import exception
from qinling.runtimes import agent_archive

#: Of all wheels of a package; an installation gets the wheels in one request.
MAX_BYTES = 50 << 20
MAX_METADATA_BYTES = 1 << 20
#: Unpacked bytes of one wheel.
MAX_UNPACKED_BYTES = 1 << 30
_PART = re.compile(r'[A-Za-z0-9_][A-Za-z0-9._+!-]{0,254}')


def parse_path(word: str) -> str | None:
    """Return the path of a wheel in a package, without ``./``.

    :returns: ``None`` if the word is no such path.
    """
    path = word.removeprefix('./')
    parts = path.split('/')
    if not path.endswith('.whl') or not all(map(_PART.fullmatch, parts)):
        return None
    try:
        utils.parse_wheel_filename(parts[-1])
    except utils.InvalidWheelFilename:
        return None
    return path


def read(archive: agent_archive.Archive, paths: list[str]
         ) -> dict[str, bytes]:
    """Return path -> content of the wheels of a package.

    :raises Invalid: a wheel is missing, too large or refers to an address.
    """
    wheels: dict[str, bytes] = {}
    rest = MAX_BYTES
    for path in dict.fromkeys(paths):
        member = archive.tree.get(path)
        if member is None or member.kind != agent_archive.FILE:
            raise exception.Invalid(
                f'{path} in requirements.txt is not in the package; add the '
                'file.')
        rest -= member.size
        if rest < 0:
            raise exception.Invalid(
                'The wheels in requirements.txt are too large: at most '
                f'{MAX_BYTES} bytes are allowed.')
        try:
            wheels[path] = b''.join(archive.read_chunks(member))
            _check_requirements(path, wheels[path])
        except agent_archive.BadArchive as error:
            raise exception.Invalid(f'{path} is not a wheel: {error}')
    return wheels


def _check_requirements(path: str, data: bytes) -> None:
    """Check that all requirements of a wheel are names.

    :raises Invalid, BadArchive: the wheel is not valid.
    """
    archive = agent_archive.Archive(io.BytesIO(data), agent_archive.Limits(
        agent_archive.MAX_MEMBERS, MAX_UNPACKED_BYTES, None))
    members = [member for name, member in archive.tree.items()
               if name.endswith('.dist-info/METADATA')
               and name.count('/') == 1]
    if len(members) != 1 or members[0].size > MAX_METADATA_BYTES:
        raise exception.Invalid(
            f'{path} is not a wheel: it has no valid METADATA; build it '
            'again.')
    message = email.parser.BytesParser().parsebytes(
        b''.join(archive.read_chunks(members[0])))
    for text in message.get_all('Requires-Dist', []):
        if not _is_name(str(text)):
            raise exception.Invalid(
                f'{path} requires {str(text)[:80]!r}, which is not a name '
                'with perhaps versions; build the wheel without addresses.')


def _is_name(text: str) -> bool:
    try:
        return not requirements.Requirement(text).url
    except (requirements.InvalidRequirement, RecursionError):
        return False
