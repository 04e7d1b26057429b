# SPDX-License-Identifier: Apache-2.0
"""Header ``Prefer: wait=SECONDS``, see RFC 7240.

The service may ignore a preference; ``Preference-Applied`` says whether the
service waited.
"""

from wsgiref import types as wsgi_types

HEADER = 'Prefer'
APPLIED = 'Preference-Applied'
_MAX_DIGITS = 9


def parse_wait(environ: wsgi_types.WSGIEnvironment) -> int:
    """Return the seconds that a client prefers to wait, by default 0."""
    header: str = environ.get('HTTP_PREFER', '')
    for item in header.split(','):
        name, _, value = item.partition(';')[0].partition('=')
        digits = value.strip().strip('"')
        if name.strip().lower() == 'wait' and digits.isascii() and (
                digits.isdigit()) and len(digits) <= _MAX_DIGITS:
            return int(digits)
    return 0
