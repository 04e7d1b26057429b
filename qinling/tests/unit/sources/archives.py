# SPDX-License-Identifier: Apache-2.0
"""ZIP files that no honest tool would make."""

import io
import stat
import zipfile

SYMLINK = stat.S_IFLNK | 0o777
DEVICE = stat.S_IFCHR | 0o600
FIFO = stat.S_IFIFO | 0o600


def member(name, mode=0):
    """An entry of whatever name and Unix mode."""
    info = zipfile.ZipInfo('x')
    # Not as an argument: that would tidy the name up.
    info.filename = info.orig_filename = name
    info.external_attr = mode << 16
    return info


def archive(*members, method=zipfile.ZIP_DEFLATED, data=b'data'):
    """The bytes of a ZIP file of entries, texts for names being enough."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', method) as made:
        for each in members:
            if isinstance(each, str):
                each = member(each)
            # Its own method stands above that of the archive.
            each.compress_type = method
            made.writestr(each, data)
    return buffer.getvalue()


def entries_only(count):
    """A directory of entries that have no data anywhere."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as made:
        made.writestr('x', b'')
    data = buffer.getvalue()
    start, end = data.index(b'PK\1\2'), data.index(b'PK\5\6')
    directory = data[start:end] * count
    tail = bytearray(data[end:])
    tail[8:12] = min(count, 65535).to_bytes(2, 'little') * 2
    tail[12:16] = len(directory).to_bytes(4, 'little')
    return data[:start] + directory + bytes(tail)


def with_directory(data, offset, value):
    """The archive with bytes of its first directory entry replaced."""
    made = bytearray(data)
    place = data.index(b'PK\1\2') + offset
    made[place:place + len(value)] = value
    return bytes(made)


def lying(data, size):
    """The archive, with another size of its first file in the directory."""
    return with_directory(data, 24, size.to_bytes(4, 'little'))


def encrypted(data):
    """The archive, with its first file marked as encrypted."""
    return with_directory(data, 8, b'\1\0')
