# SPDX-License-Identifier: Apache-2.0
"""Entries of a ZIP archive: the directory, and the local headers.

The numbers of sections are from the .ZIP File Format Specification
(APPNOTE.TXT) 6.3.10.
"""

from __future__ import annotations

import stat
import struct
import zlib

TYPE_CHECKING = False
# The agent is no package.
if TYPE_CHECKING or __package__:
    from . import agent_paths
else:
    import agent_paths

Member = agent_paths.Member

ENTRY = struct.Struct('<4s6H3L5H2L')        # 4.3.12
LOCAL_HEADER = struct.Struct('<4s5H3L2H')   # 4.3.7
EXTRA = struct.Struct('<2H')                # 4.5.1
FULL_32 = 0xffffffff  # the number is in an extra field of ZIP64

ENCRYPTED = 0x1 | 0x40 | 0x2000
DESCRIPTOR = 0x8
UTF_8 = 0x800
DOS_DIRECTORY = 0x10
ZIP64_EXTRA, UNICODE_PATH_EXTRA = 0x1, 0x7075  # 4.5.3 and 4.6.9
STORED, DEFLATED = 0, 8
METHODS = {1: 'shrink', 6: 'implode', 9: 'deflate64', 12: 'bzip2',
           14: 'LZMA', 93: 'Zstandard', 95: 'XZ', 98: 'PPMd',
           99: 'AES encryption'}


def read_directory(data: bytes, count: int) -> list[Member]:
    """Return the members in the directory of an archive.

    :param count: number of members according to the end of the archive.
    :raises BadArchive: the directory is damaged, or a member is not allowed.
    """
    members: list[Member] = []
    index = 0
    while index < len(data) and len(members) < count:
        index, member = _read_entry(data, index)
        members.append(member)
    if index != len(data) or len(members) != count:
        raise create_directory_error('has a wrong number of files')
    return members


def _read_entry(data: bytes, index: int) -> tuple[int, Member]:
    """Return the index behind an entry of the directory, and the member."""
    if (not data.startswith(b'PK\1\2', index)
            or len(data) - index < ENTRY.size):
        raise create_directory_error('has an invalid entry')
    (_signature, _made_by, _needed, flags, method, _time, _date, crc,
     compressed_size, size, name_size, extra_size, comment_size, _disk,
     _internal, attributes, start) = ENTRY.unpack_from(data, index)
    name_start = index + ENTRY.size
    extra_start = name_start + name_size
    end = extra_start + extra_size + comment_size
    if end > len(data):
        raise create_directory_error('has an invalid entry')
    member = Member()
    member.raw_name = data[name_start:extra_start]
    extra = _read_extra(data[extra_start:extra_start + extra_size])
    member.flags, member.method, member.crc = flags, method, crc
    member.size, member.compressed_size, member.start = _read_numbers(
        (size, compressed_size, start), extra.get(ZIP64_EXTRA, b''))
    member.path, is_directory = agent_paths.normalize(
        _decode_name(member, extra.get(UNICODE_PATH_EXTRA, b'')))
    _set_kind(member, attributes, is_directory)
    _check_method(member)
    return end, member


def _read_extra(data: bytes) -> dict[int, bytes]:
    """Return the extra fields of an entry by their ids."""
    fields: dict[int, bytes] = {}
    index = 0
    # Some programs align data by up to three bytes.
    while len(data) - index >= EXTRA.size:
        id, size = EXTRA.unpack_from(data, index)
        index += EXTRA.size + size
        if index > len(data):
            raise create_directory_error('has an invalid extra field')
        fields.setdefault(id, data[index - size:index])
    return fields


def _read_numbers(numbers: tuple[int, ...], extra: bytes) -> list[int]:
    """Return size, compressed size and start, from ZIP64 if necessary."""
    count = numbers.count(FULL_32)
    if len(extra) < 8 * count:
        raise create_directory_error('has an invalid ZIP64 field')
    wide = iter(struct.unpack_from('<%dQ' % count, extra))
    return [next(wide) if number == FULL_32 else number for number in numbers]


def _decode_name(member: Member, extra: bytes) -> str:
    """Return the name of a member.

    A name without a mark is UTF-8 if possible, as macOS writes names, else in
    the code page of DOS.

    :param extra: extra field with the name in UTF-8.
    """
    name = member.raw_name
    if extra[:1] == b'\1' and extra[1:5] == struct.pack(
            '<L', zlib.crc32(name)):
        name = extra[5:]
    try:
        return name.decode()
    except UnicodeDecodeError:
        if not member.flags & UTF_8:
            return name.decode('cp437')
        raise agent_paths.BadArchive(
            'Package holds a name that is not text in UTF-8: '
            f'{agent_paths.quote(name.decode("latin-1"))}.') from None


def _set_kind(member: Member, attributes: int, is_directory: bool) -> None:
    """Set kind and mode; only the executable bit of the mode counts."""
    mode = attributes >> 16
    kind = stat.S_IFMT(mode)
    name = agent_paths.quote(member.path)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK) or (
            is_directory and kind == stat.S_IFLNK):
        raise agent_paths.BadArchive(
            f'Package is not safe: {name} is a special file.')
    if member.flags & ENCRYPTED:
        raise agent_paths.BadArchive(
            f'Package is encrypted: {name} cannot be read.')
    member.kind = agent_paths.FILE
    if kind == stat.S_IFLNK:
        member.kind = agent_paths.LINK
    elif is_directory or kind == stat.S_IFDIR or (
            attributes & DOS_DIRECTORY and not kind and not member.size):
        # The content of a directory is ignored, as unzip does.
        member.kind = agent_paths.DIRECTORY
    member.executable = bool(mode & 0o111)


def _check_method(member: Member) -> None:
    if member.method not in (STORED, DEFLATED):
        method = METHODS.get(member.method, f'method {member.method}')
        raise agent_paths.BadArchive(
            f'Package compresses {agent_paths.quote(member.path)} by '
            f'{method}; create the ZIP file with the usual method, deflate.')


def check_header(member: Member, data: bytes) -> int:
    """Return the bytes of a local header.

    :param data: beginning of the header, up to the name.
    :raises BadArchive: the header contradicts the directory.
    """
    size = LOCAL_HEADER.size + len(member.raw_name)
    if len(data) < size or not data.startswith(b'PK\3\4'):
        raise create_damage_error(member, 'has a wrong offset')
    (_signature, _needed, flags, method, _time, _date, crc, compressed_size,
     unpacked_size, name_size, extra_size) = LOCAL_HEADER.unpack_from(data)
    numbers = [(method, member.method), (name_size, len(member.raw_name)),
               (flags & ENCRYPTED, 0)]
    if not flags & DESCRIPTOR:
        numbers += [(crc, member.crc), (unpacked_size, member.size),
                    (compressed_size, member.compressed_size)]
    if data[LOCAL_HEADER.size:] != member.raw_name or any(
            first != second and first != FULL_32
            for first, second in numbers):
        raise create_damage_error(
            member, 'has two headers that contradict each other')
    return size + int(extra_size)


def create_damage_error(member: Member, reason: str
                        ) -> agent_paths.BadArchive:
    """Return the error of a damaged member."""
    name = agent_paths.quote(member.path)
    return agent_paths.BadArchive(
        f'Package is not a valid ZIP package: {name} {reason}; create the '
        'file again.')


def create_directory_error(reason: str) -> agent_paths.BadArchive:
    """Return the error of a damaged directory."""
    return agent_paths.BadArchive(
        f'Package is not a valid ZIP package: its directory {reason}; create '
        'the file again.')
