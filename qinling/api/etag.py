# SPDX-License-Identifier: Apache-2.0
"""ETags: the revision of a resource, or a digest of the answer, in quotes."""

import hashlib
import re
import typing

from qinling.api import pecan_patches
from qinling import exception

_TAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')


def format_etag(row: typing.Any) -> str | None:
    """Return the ETag of a row, ``None`` for rows without revisions."""
    revision = getattr(row, 'revision', None)
    return None if revision is None else f'"{revision}"'


def create_etag(content: bytes) -> str:
    """Return the ETag of an answer, for resources without revisions.

    The tag is weak: ``If-Match`` needs a revision.
    """
    return f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'


def is_unchanged(req: pecan_patches.Request, tag: str) -> bool:
    """Return whether ``If-None-Match`` names the tag of a resource."""
    header = req.environ.get('HTTP_IF_NONE_MATCH')
    if header is None:
        return False
    tags = [candidate.strip().removeprefix('W/')
            for candidate in header.split(',')]
    return '*' in tags or tag.removeprefix('W/') in tags


def parse_if_match(req: pecan_patches.Request) -> frozenset[int] | None:
    """Return the revisions that ``If-Match`` accepts, ``None`` for any.

    A foreign tag matches no revision; see RFC 9110, section 13.1.1.

    :raises Invalid: the header is no list of tags.
    """
    header = req.headers.get('If-Match')
    if header is None or header.strip() == '*':
        return None
    tags = [tag.strip() for tag in header.split(',')]
    if not all(tag.startswith(('"', 'W/"')) and tag.endswith('"')
               for tag in tags):
        raise exception.Invalid(
            'If-Match must be "*" or ETags in double quotes.')
    return frozenset(int(match.group(1)) for match in map(
        _TAG.fullmatch, tags) if match)
