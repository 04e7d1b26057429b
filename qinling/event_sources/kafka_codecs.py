# SPDX-License-Identifier: Apache-2.0
"""Decompression of the batches of Kafka with a limit.

The library decompresses a batch as a whole, and a small batch may become
gigabytes.
"""

from collections.abc import Callable
import functools
import gzip
import io
import struct
import typing

from kafka.record import default_records
from kafka.record import legacy_records

from qinling import exception

#: Bytes of a batch after the decompression.
MAX_BATCH_BYTES = 64 << 20
_XERIAL, _XERIAL_HEADER_BYTES = b'\x82SNAPPY\x00', 16


def _check_size(size: int) -> None:
    if size > MAX_BATCH_BYTES:
        raise exception.TemporaryError(
            'A batch of the topic has more than '
            f'{MAX_BATCH_BYTES >> 20} MiB after its decompression; let the '
            'producer send smaller batches.')


def _decompress(open: Callable[[io.BytesIO], typing.Any], data: typing.Any
                ) -> bytes:
    with open(io.BytesIO(data)) as file:
        result: bytes = file.read(MAX_BATCH_BYTES + 1)
    _check_size(len(result))
    return result


def _open_lz4(file: io.BytesIO) -> typing.Any:
    import lz4.frame
    return lz4.frame.LZ4FrameFile(file)


def _open_zstd(file: io.BytesIO) -> typing.Any:
    import zstandard
    return zstandard.ZstdDecompressor().stream_reader(
        file, read_across_frames=True)


def _decompress_snappy(data: bytes) -> bytes:
    import snappy
    blocks = [data]
    if data.startswith(_XERIAL):
        blocks, start = [], _XERIAL_HEADER_BYTES
        while start < len(data):
            size, = struct.unpack_from('!i', data, start)
            blocks.append(data[start + 4:start + 4 + max(0, size)])
            start += 4 + max(0, size)
    _check_size(sum(_read_snappy_size(block) for block in blocks))
    return b''.join(snappy.decompress(block) for block in blocks)


def _read_snappy_size(block: bytes) -> int:
    """Return the size after decompression, from the start of a block."""
    return sum((byte & 127) << 7 * place for place, byte in enumerate(
        block[:next((place + 1 for place, byte in enumerate(block[:5])
                     if byte < 128), 5)]))


def limit() -> None:
    """Replace the decoders of the library by decoders with a limit."""
    for module in (default_records, legacy_records):
        module.gzip_decode = functools.partial(
            _decompress, lambda file: gzip.GzipFile(fileobj=file))
        module.lz4_decode = functools.partial(_decompress, _open_lz4)
        module.snappy_decode = _decompress_snappy
    default_records.zstd_decode = functools.partial(_decompress, _open_zstd)
