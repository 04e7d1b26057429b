# SPDX-License-Identifier: Apache-2.0
"""Headers that tell a client what remains of a rate limit.

The form is that of draft-ietf-httpapi-ratelimit-headers: a policy has a quota
and a window, and the present state has what remains and when more does.
"""

NAMES = POLICY, STATE = 'RateLimit-Policy', 'RateLimit'
#: Name of the only limit with these headers.
_LIMIT = '"deliveries"'
#: Arguments of :func:`create`.
FIELDS = ('quota', 'window', 'remaining', 'reset')


def create(quota: int, window: int, remaining: int, reset: int
           ) -> dict[str, str]:
    """Return the headers.

    :param quota: requests in ``window`` seconds.
    :param reset: seconds until more remain.
    """
    return {POLICY: f'{_LIMIT};q={quota};w={window}',
            STATE: f'{_LIMIT};r={remaining};t={reset}'}
