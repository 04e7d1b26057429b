# SPDX-License-Identifier: Apache-2.0
"""Sketch of a distribution: quantiles within one percent, and mergeable.

The DDSketch of Masson, Rim and Lee (VLDB 2019): counts of logarithmic buckets
whose bounds differ by the factor ``GAMMA``.

A sketch is a text of bytes: the number of the lowest bucket, then either the
counts of all buckets from there (dense), or pairs of a distance and a count
(sparse).  An integer with 64 bits per count represents the counts in memory,
so one addition merges all buckets of two sketches.
"""

import bisect
from collections.abc import Iterable
from collections.abc import Sequence
import itertools
import math
import struct

ACCURACY = 0.01
GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_LOG_GAMMA = math.log(GAMMA)
#: Smaller and greater values, in seconds, count as these.
MIN_VALUE, MAX_VALUE = 1e-6, 1e7
#: Number of the lowest bucket, and whether pairs follow.
_HEADER = struct.Struct('<h?')
_PAIR = struct.Struct('<HQ')
_COUNT = struct.Struct('<Q')
#: Pairs take this times less space than the counts of all buckets; a dense
#: sketch is faster to read.
_MIN_SAVING = 4

Sketch = bytes
EMPTY = b''


def create(values: Iterable[float]) -> Sketch:
    """Return the sketch of values."""
    counts: dict[int, int] = {}
    for value in values:
        value = min(max(value, MIN_VALUE), MAX_VALUE)
        bucket = math.ceil(math.log(value) / _LOG_GAMMA)
        counts[bucket] = counts.get(bucket, 0) + 1
    return encode(counts)


def encode(counts: dict[int, int]) -> Sketch:
    """Return the sketch with some counts of buckets."""
    if not counts:
        return EMPTY
    lowest = min(counts)
    buckets = range(lowest, max(counts) + 1)
    return _dump(lowest, [counts.get(bucket, 0) for bucket in buckets])


def merge(sketches: Iterable[Sketch]) -> Sketch:
    """Return the sketch of the values of all sketches."""
    present = [sketch for sketch in sketches if sketch]
    if len(present) < 2:
        return present[0] if present else EMPTY
    parts = [_load(sketch) for sketch in present]
    lowest = min(part[0] for part in parts)
    total = sum(counts << 8 * _COUNT.size * (bucket - lowest)
                for bucket, counts in parts)
    return _dump(lowest, _split(total))


def quantiles(sketch: Sketch, fractions: Iterable[float]) -> list[float]:
    """Return the values below which the fractions of all values are."""
    buckets, counts = _read_buckets(sketch)
    passed = list(itertools.accumulate(counts))
    return [2 * GAMMA ** buckets[bisect.bisect_right(
        passed, math.ceil(fraction * (passed[-1] - 1)))] / (GAMMA + 1)
        for fraction in fractions]


def _dump(lowest: int, counts: list[int] | tuple[int, ...]) -> Sketch:
    used = len(counts) - counts.count(0)
    is_sparse = (used * _PAIR.size * _MIN_SAVING
                 < len(counts) * _COUNT.size)
    if is_sparse:
        body = b''.join(_PAIR.pack(distance, count)
                        for distance, count in enumerate(counts) if count)
    else:
        body = struct.pack(f'<{len(counts)}Q', *counts)
    return _HEADER.pack(lowest, is_sparse) + body


def _read_buckets(sketch: Sketch) -> tuple[Sequence[int], Sequence[int]]:
    """Return the numbers of the buckets, and their counts."""
    lowest, is_sparse = _HEADER.unpack_from(sketch)
    size = len(sketch) - _HEADER.size
    if is_sparse:
        pairs = struct.unpack_from(
            '<' + 'HQ' * (size // _PAIR.size), sketch, _HEADER.size)
        return [lowest + distance for distance in pairs[::2]], pairs[1::2]
    counts = struct.unpack_from(
        f'<{size // _COUNT.size}Q', sketch, _HEADER.size)
    return range(lowest, lowest + len(counts)), counts


def _load(sketch: Sketch) -> tuple[int, int]:
    """Return the number of the lowest bucket, and the counts."""
    lowest, is_sparse = _HEADER.unpack_from(sketch)
    if not is_sparse:
        return lowest, int.from_bytes(sketch[_HEADER.size:], 'little')
    buckets, numbers = _read_buckets(sketch)
    counts = bytearray(_COUNT.size * (buckets[-1] - lowest + 1))
    for bucket, number in zip(buckets, numbers):
        _COUNT.pack_into(counts, _COUNT.size * (bucket - lowest), number)
    return lowest, int.from_bytes(counts, 'little')


def _split(counts: int) -> tuple[int, ...]:
    """Return the counts in an integer."""
    number = -(-counts.bit_length() // (8 * _COUNT.size))
    return struct.unpack(
        f'<{number}Q', counts.to_bytes(number * _COUNT.size, 'little'))
