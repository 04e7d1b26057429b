# SPDX-License-Identifier: Apache-2.0
"""ZIP files as several programs write them, and ZIP files that lie."""

import dataclasses
import stat
import struct
import zlib

FILE = stat.S_IFREG | 0o644
PROGRAM = stat.S_IFREG | 0o755
LINK = stat.S_IFLNK | 0o777
DIRECTORY = stat.S_IFDIR | 0o755
STORED, DEFLATED = 0, 8
UTF_8, DESCRIPTOR = 0x800, 0x8
DOS, UNIX, MACOS = 0, 3, 19


@dataclasses.dataclass
class Entry:
    """Member of an archive.

    :param host: system in "version made by".
    :param local: field -> value that the local header has instead.
    :param central: field -> value that the directory has instead.
    :param descriptor: whether sizes are behind the data.
    :param stream: compressed data, instead of those of ``data``.
    """

    name: bytes
    data: bytes = b''
    mode: int = FILE
    host: int = UNIX
    dos_attributes: int = 0
    method: int = DEFLATED
    flags: int = 0
    extra: bytes = b''
    comment: bytes = b''
    descriptor: bool = False
    zip64: bool = False
    stream: bytes | None = None
    local: dict = dataclasses.field(default_factory=dict)
    central: dict = dataclasses.field(default_factory=dict)

    def packed(self):
        """Return the compressed data."""
        if self.stream is not None:
            return self.stream
        if self.method != DEFLATED:
            return self.data
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        return packer.compress(self.data) + packer.flush()

    def fields(self):
        """Return the fields that both headers have."""
        return {'flags': self.flags | (DESCRIPTOR if self.descriptor else 0),
                'method': self.method, 'crc': zlib.crc32(self.data),
                'compressed': len(self.packed()), 'size': len(self.data),
                'name': self.name}

    def header(self):
        """Return local header, data and descriptor."""
        fields = self.fields()
        packed, extra = self.packed(), self.extra
        trailer = b''
        if self.descriptor:
            trailer = struct.pack(
                '<4s3L', b'PK\7\x08', fields['crc'], fields['compressed'],
                fields['size'])
            fields.update(crc=0, compressed=0, size=0)
        if self.zip64:
            extra = struct.pack('<2H2Q', 1, 16, fields['size'],
                                fields['compressed']) + extra
            fields.update(compressed=2 ** 32 - 1, size=2 ** 32 - 1)
        fields |= self.local
        return struct.pack(
            '<4s5H3L2H', b'PK\3\4', 45, fields['flags'], fields['method'], 0,
            33, fields['crc'], fields['compressed'], fields['size'],
            len(fields['name']), len(extra)
        ) + fields['name'] + extra + packed + trailer

    def entry(self, start):
        """Return the entry of the directory."""
        fields = self.fields() | {'start': start}
        extra = self.extra
        if self.zip64:
            extra = struct.pack('<2H3Q', 1, 24, fields['size'],
                                fields['compressed'], start) + extra
            fields.update(dict.fromkeys(('size', 'compressed', 'start'),
                                        2 ** 32 - 1))
        fields |= self.central
        return struct.pack(
            '<4s6H3L5H2L', b'PK\1\2', self.host << 8 | 45, 45,
            fields['flags'], fields['method'], 0, 33, fields['crc'],
            fields['compressed'], fields['size'], len(fields['name']),
            len(extra), len(self.comment), 0, 0,
            self.mode << 16 | self.dos_attributes, fields['start']
        ) + fields['name'] + extra + self.comment


def build(entries, prefix=b'', comment=b'', zip64=False, counts_prefix=False,
          **end):
    """Return the bytes of an archive.

    :param counts_prefix: offsets are from the start of the file.
    :param end: field -> value that the end record has instead.
    """
    data, directory = b'', b''
    shift = len(prefix) if counts_prefix else 0
    for entry in entries:
        directory += entry.entry(len(data) + shift)
        data += entry.header()
    fields = {'disk': 0, 'count': len(entries), 'size': len(directory),
              'start': len(data) + shift} | end
    trailer = b''
    if zip64:
        trailer = struct.pack(
            '<4sQ2H2L4Q', b'PK\6\6', 44, 45, 45, fields['disk'], 0,
            fields['count'], fields['count'], fields['size'], fields['start']
        ) + struct.pack('<4sLQL', b'PK\6\7', 0,
                        fields['start'] + fields['size'], 1)
        fields.update(count=2 ** 16 - 1, size=2 ** 32 - 1, start=2 ** 32 - 1)
    trailer += struct.pack(
        '<4s4H2LH', b'PK\5\6', fields['disk'], 0, fields['count'],
        fields['count'], fields['size'], fields['start'], len(comment))
    return prefix + data + directory + trailer + comment


def flag(name):
    """Return the flag of a name that is not ASCII."""
    return 0 if name.isascii() else UTF_8


# Functions that return the entries of {path: (content, mode)}, where a
# content of None stands for a directory and a text for the target of a link.

def _entries(tree, create):
    for path, (content, mode) in tree.items():
        if content is None:
            yield create(path + '/', b'', DIRECTORY)
        elif isinstance(content, str):
            yield create(path, content.encode(), LINK)
        else:
            yield create(path, content, mode)


def info_zip(tree):
    """Return the entries of Info-ZIP's zip -y on Linux."""
    extra = struct.pack('<2HBL', 0x5455, 5, 1, 0) + struct.pack(
        '<2HBBLBL', 0x7875, 11, 1, 4, 0, 4, 0)
    return list(_entries(tree, lambda path, data, mode: Entry(
        path.encode(), data, mode, extra=extra, flags=flag(path),
        method=DEFLATED if len(data) > 9 else STORED)))


def info_zip_unicode_path(tree):
    """Return the entries of a zip with names in the code page of DOS."""
    def create(path, data, mode):
        name = path.encode('ascii', 'replace').replace(b'?', b'_')
        extra = b'\1' + struct.pack('<L', zlib.crc32(name)) + path.encode()
        return Entry(name, data, mode, host=DOS, extra=struct.pack(
            '<2H', 0x7075, len(extra)) + extra)
    return list(_entries(tree, create))


def windows_explorer(tree):
    """Return the entries of Windows Explorer, without modes and links."""
    return list(_entries(tree, lambda path, data, mode: Entry(
        path.encode(), data, 0, host=DOS, flags=flag(path) | 2,
        dos_attributes=0x10 if path.endswith('/') else 0x20)))


def windows_backslashes(tree):
    """Return the entries of old .NET and of many scripts on Windows."""
    return list(_entries(tree, lambda path, data, mode: Entry(
        path.replace('/', '\\').encode(), data, 0, host=DOS,
        flags=flag(path))))


def macos(tree):
    """Return the entries of macOS Archive, with its further files."""
    entries = list(_entries(tree, lambda path, data, mode: Entry(
        path.encode(), data, mode, descriptor=True,
        extra=struct.pack('<2H8x', 0x5855, 8))))
    return entries + [
        Entry(b'.DS_Store', b'\0' * 20, descriptor=True),
        Entry(b'__MACOSX/', b'', DIRECTORY, method=STORED),
        Entry(b'__MACOSX/._main.py', b'\0\5\x16\7', descriptor=True)]


def seven_zip(tree):
    """Return the entries of 7-Zip, which adds modes to those of Windows."""
    return list(_entries(tree, lambda path, data, mode: Entry(
        path.rstrip('/').encode(), data, mode, host=DOS, flags=flag(path),
        dos_attributes=0x8000 | (0x10 if path.endswith('/') else 0x20),
        extra=struct.pack('<2H32x', 0x000a, 32), zip64=len(data) > 20)))


def java(tree):
    """Return the entries of java.util.zip."""
    return list(_entries(tree, lambda path, data, mode: Entry(
        path.encode(), data, 0, host=DOS, flags=UTF_8,
        descriptor=bool(data), extra=struct.pack('<2H', 0xcafe, 0))))


#: Function -> whether the form has modes and links.
FORMS = {info_zip: True, info_zip_unicode_path: True, macos: True,
         seven_zip: True, windows_explorer: False,
         windows_backslashes: False, java: False}
