# SPDX-License-Identifier: Apache-2.0
"""Reading of packages: ZIP archives from untrusted users.

The API checks an upload with this module, and the agent unpacks the package
with this module: what the API accepts, every worker can unpack, in the same
way with every version of Python.

The directory at the end of the archive decides; each local header must agree.
ZIP64, data descriptors and data before the archive (self-extracting archives)
are accepted.  All sizes are checked before anything is read, and no more is
unpacked than the directory says.
"""

from __future__ import annotations

import collections
import struct
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO
# The agent is no package.
if TYPE_CHECKING or __package__:
    from . import agent_entries
    from . import agent_paths
else:
    import agent_entries
    import agent_paths

BadArchive = agent_paths.BadArchive
_create_damage_error = agent_entries.create_damage_error
_create_directory_error = agent_entries.create_directory_error
Member = agent_paths.Member
FILE, DIRECTORY, LINK = (agent_paths.FILE, agent_paths.DIRECTORY,
                         agent_paths.LINK)

#: Members of a package that every worker can unpack.
MAX_MEMBERS = 30000
#: Average bytes of a member in the directory of an archive, at most.
MAX_ENTRY_BYTES = 512
#: Unpacked size below which any compression ratio is permitted.
MIN_RATIO_BYTES = 1 << 20
CHUNK_BYTES = 1 << 18

# Sections of the .ZIP File Format Specification (APPNOTE.TXT) 6.3.10.
END = struct.Struct('<4s4H2LH')             # 4.3.16
ZIP64_END = struct.Struct('<4sQ2H2L4Q')     # 4.3.14
ZIP64_LOCATOR = struct.Struct('<4sLQL')     # 4.3.15
MAX_COMMENT_BYTES = 0xffff
FULL_16, FULL_32 = 0xffff, 0xffffffff  # the number is in a ZIP64 record

#: Limits of an archive: number of members, bytes of all files, and ratio of
#: these bytes to the size of the archive (``None`` for any).
Limits = collections.namedtuple('Limits', ('members', 'size', 'ratio'))
#: Directory of an archive: first byte, bytes, number of members, and bytes
#: before the archive.
Position = collections.namedtuple(
    'Position', ('start', 'size', 'count', 'prefix'))


class ArchiveTooLarge(BadArchive):
    """A package unpacks to too many bytes; the message is a sentence."""


class Archive:
    """Checked archive.

    :param file: seekable file; the archive does not close the file.
    :raises BadArchive: the archive is not valid, not safe or too large.
    """

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        self._file = file
        self._size = file.seek(0, 2)
        position = self._find_directory()
        members = self._read_directory(position, limits)
        self._check_sizes(members, limits)
        #: Members by path.
        self.tree, self.directories = agent_paths.build_tree(
            members, limits.members + agent_paths.MAX_DEPTH)
        self._check_headers(members, position.start)
        for member in self.tree.values():
            if member.kind == LINK:
                member.target = self._read_target(member)
        agent_paths.check_links(self.tree)

    def check_content(self) -> None:
        """Read all files.

        :raises BadArchive: a file is damaged.
        """
        for member in self.tree.values():
            if member.kind == FILE:
                for _chunk in self.read_chunks(member):
                    pass

    def read_chunks(self, member: Member) -> Iterator[bytes]:
        """Yield the content of a file or link.

        :raises BadArchive: size or checksum are wrong.
        """
        is_packed = (member.method == agent_entries.DEFLATED
                     and member.compressed_size)
        chunks = self._inflate(member) if is_packed else self._copy(member)
        size = crc = 0
        try:
            for chunk in chunks:
                size += len(chunk)
                if size > member.size:
                    break
                crc = zlib.crc32(chunk, crc)
                yield chunk
        except zlib.error:
            raise _create_damage_error(
                member, 'has invalid compressed data') from None
        if size != member.size:
            raise _create_damage_error(member, 'has a wrong size')
        if crc != member.crc:
            raise _create_damage_error(member, 'has a wrong checksum')

    def _copy(self, member: Member) -> Iterator[bytes]:
        self._file.seek(member.data_start)
        remaining = member.compressed_size
        while remaining:
            data = self._file.read(min(remaining, CHUNK_BYTES))
            if not data:
                raise _create_damage_error(member, 'is cut off')
            remaining -= len(data)
            yield data

    def _inflate(self, member: Member) -> Iterator[bytes]:
        decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
        for data in self._copy(member):
            while data and not decompressor.eof:
                yield decompressor.decompress(data, CHUNK_BYTES)
                data = decompressor.unconsumed_tail
            if data or decompressor.unused_data:
                raise _create_damage_error(
                    member, 'has data behind its end')
        # The window may contain the last bytes.
        while not decompressor.eof:
            data = decompressor.decompress(b'', CHUNK_BYTES)
            if not data:
                raise _create_damage_error(member, 'is cut off')
            yield data

    def _read_at(self, start: int, size: int) -> bytes:
        """Return bytes of the file, fewer at its end."""
        # A damaged archive may name any position.
        if not 0 <= start <= self._size:
            return b''
        self._file.seek(start)
        return self._file.read(size)

    def _find_directory(self) -> Position:
        """Return the position of the directory.

        :raises BadArchive: there is no directory.
        """
        tail_start = max(0, self._size - END.size - MAX_COMMENT_BYTES)
        tail = self._read_at(tail_start, END.size + MAX_COMMENT_BYTES)
        index = _find_end(tail)
        (_signature, disk, directory_disk, disk_count, count, size, offset,
         _comment) = END.unpack_from(tail, index)
        end = tail_start + index
        numbers: tuple[int, ...] = (disk, directory_disk, disk_count, count,
                                    size, offset)
        locator = self._read_at(end - ZIP64_LOCATOR.size, ZIP64_LOCATOR.size)
        if locator.startswith(b'PK\6\7'):
            end -= ZIP64_LOCATOR.size + ZIP64_END.size
            numbers = self._read_zip64_end(end, numbers)
        elif FULL_16 in numbers[2:4] or FULL_32 in numbers[4:]:
            raise _create_directory_error('lacks its ZIP64 record')
        disk, directory_disk, disk_count, count, size, offset = numbers
        if disk or directory_disk or disk_count != count:
            raise BadArchive('Package is one part of a ZIP file of several '
                             'parts; create a single file.')
        prefix = end - size - offset
        if prefix < 0:
            raise _create_directory_error('has a wrong size or offset')
        return Position(end - size, size, count, prefix)

    def _read_zip64_end(self, start: int, numbers: tuple[int, ...]
                        ) -> tuple[int, ...]:
        """Return the numbers of the end in their ZIP64 form.

        :param numbers: the numbers of the ordinary end, which must agree.
        """
        data = self._read_at(start, ZIP64_END.size)
        if len(data) < ZIP64_END.size or not data.startswith(b'PK\6\6'):
            raise _create_directory_error('lacks its ZIP64 record')
        wide = ZIP64_END.unpack(data)[4:]
        for number, wide_number, full in zip(
                numbers, wide, (FULL_16,) * 4 + (FULL_32,) * 2):
            if number not in (wide_number, full):
                raise _create_directory_error('contradicts its ZIP64 record')
        return wide

    def _read_directory(self, position: Position, limits: Limits
                        ) -> list[Member]:
        """Return the members in the directory.

        :raises BadArchive: the directory is damaged, or a member is not
            allowed.
        """
        if position.size > limits.members * MAX_ENTRY_BYTES:
            raise BadArchive('Package has a directory that is too large for '
                             f'at most {limits.members} files.')
        if position.count > limits.members:
            raise BadArchive(f'Package holds {position.count} files, at most '
                             f'{limits.members} are allowed.')
        members = agent_entries.read_directory(
            self._read_at(position.start, position.size), position.count)
        for member in members:
            member.start += position.prefix
        return members

    def _check_sizes(self, members: list[Member], limits: Limits) -> None:
        total = sum(member.size for member in members)
        if total > limits.size:
            raise ArchiveTooLarge(
                f'Package is too large: it unpacks to {total} bytes, at most '
                f'{limits.size} are allowed.')
        if limits.ratio and total > max(MIN_RATIO_BYTES,
                                        self._size * limits.ratio):
            raise BadArchive(f'Package unpacks to more than {limits.ratio} '
                             'times its size.')

    def _check_headers(self, members: list[Member], directory_start: int
                       ) -> None:
        """Check the local headers, and that no members overlap."""
        free = 0
        for member in sorted(members, key=lambda member: member.start):
            size = agent_entries.LOCAL_HEADER.size + len(member.raw_name)
            member.data_start = member.start + agent_entries.check_header(
                member, self._read_at(member.start, size))
            if member.start < free:
                raise _create_damage_error(
                    member, 'overlaps with another file')
            free = member.data_start + member.compressed_size
            if free > directory_start:
                raise _create_damage_error(member, 'is cut off')

    def _read_target(self, member: Member) -> str:
        """Return the target of a link."""
        name = agent_paths.quote(member.path)
        if member.size > agent_paths.MAX_PATH_BYTES:
            raise BadArchive(
                f'Package has the link {name} with a target that is too '
                f'long: at most {agent_paths.MAX_PATH_BYTES} bytes are '
                'allowed.')
        try:
            target = b''.join(self.read_chunks(member)).decode()
        except UnicodeDecodeError:
            target = ''
        if not target or '\0' in target:
            raise BadArchive(
                f'Package has the link {name} without a valid target.')
        return target.replace('\\', '/')


def _find_end(tail: bytes) -> int:
    """Return the index of the end record, the last record of an archive.

    Prefer a record whose comment ends with the file, since a comment may
    contain the signature, and files may have a few bytes more.
    """
    fallback = None
    index = len(tail)
    while (index := tail.rfind(b'PK\5\6', 0, index)) >= 0:
        behind = len(tail) - index - END.size
        if behind >= 0:
            comment_size = END.unpack_from(tail, index)[-1]
            if comment_size == behind:
                return index
            if fallback is None and comment_size < behind:
                fallback = index
    if fallback is None:
        raise BadArchive('Package is not a valid ZIP package.')
    return fallback
