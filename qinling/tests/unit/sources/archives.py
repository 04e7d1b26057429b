# SPDX-License-Identifier: Apache-2.0
"""Malformed and hostile ZIP files."""

import io
import stat
import zipfile

SYMLINK = stat.S_IFLNK | 0o777
DEVICE = stat.S_IFCHR | 0o600
FIFO = stat.S_IFIFO | 0o600


def member(name, mode=0):
    """Return an entry of any name and Unix mode."""
    info = zipfile.ZipInfo('x')
    # Not as an argument: that would tidy the name up.
    info.filename = info.orig_filename = name
    info.external_attr = mode << 16
    return info


def archive(*members, method=zipfile.ZIP_DEFLATED, data=b'data'):
    """Return the bytes of a ZIP file of entries, given as entries or names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', method) as target:
        for entry in members:
            if isinstance(entry, str):
                entry = member(entry)
            # Its own method stands above that of the archive.
            entry.compress_type = method
            target.writestr(entry, data)
    return buffer.getvalue()


def entries_only(count):
    """Return a directory of entries without any data."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as target:
        target.writestr('x', b'')
    data = buffer.getvalue()
    start, end = data.index(b'PK\1\2'), data.index(b'PK\5\6')
    directory = data[start:end] * count
    tail = bytearray(data[end:])
    tail[8:12] = min(count, 65535).to_bytes(2, 'little') * 2
    tail[12:16] = len(directory).to_bytes(4, 'little')
    return data[:start] + directory + bytes(tail)


def with_directory(data, offset, value):
    """Return the archive with changed bytes in the first directory entry."""
    content = bytearray(data)
    place = data.index(b'PK\1\2') + offset
    content[place:place + len(value)] = value
    return bytes(content)


def with_wrong_size(data, size):
    """Return the archive with a wrong size of the first file in the directory.
    """
    return with_directory(data, 24, size.to_bytes(4, 'little'))


def encrypted(data):
    """Return the archive with the first file marked as encrypted."""
    return with_directory(data, 8, b'\1\0')
