# SPDX-License-Identifier: Apache-2.0
"""ETags: which state of a resource a client has seen.

The ETag of a resource is its revision, in quotes.
"""

import re

from qinling import exception

_TAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')


def of(row):
    """The ETag of a row; ``None`` for what has no revisions."""
    revision = getattr(row, 'revision', None)
    return None if revision is None else f'"{revision}"'


def match(req):
    """The revisions that ``If-Match`` accepts; ``None`` for any.

    A tag that is none of ours matches nothing, as HTTP has it.

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
    found = (_TAG.fullmatch(tag) for tag in tags)
    return frozenset(int(each.group(1)) for each in found if each)
