# SPDX-License-Identifier: Apache-2.0
"""Answers that are sent piece by piece."""

import webob


class Response(webob.Response):
    """An answer whose body comes from an iterable.

    Pecan looks at the first piece of each body, to make 204 of one that is
    empty, and for that keeps up to 57 pieces in memory or the whole, and
    forgets the length.  What it sees here is not the body.
    """

    def __init__(self, pieces, length, **kwargs):
        super().__init__(app_iter=pieces, **kwargs)
        self.content_length = length

    @property
    def app_iter(self):
        return (piece for piece in [b'not empty'])

    @app_iter.setter
    def app_iter(self, _copy):
        """Pecan puts a copy in the place of what it has looked at."""
