# SPDX-License-Identifier: Apache-2.0
"""Streamed answers."""

from collections.abc import Iterable
from collections.abc import Iterator
import typing

import webob


class Response(webob.Response):  # type: ignore[misc]
    """Answer whose body is an iterable of chunks.

    Pecan inspects the first chunk of each body, to answer 204 for an empty
    body, and so would hold up to 57 chunks in memory and lose the length.
    Pecan sees a placeholder instead of the body.

    :param length: bytes of the body, if known.
    """

    def __init__(self, chunks: Iterable[bytes], length: int | None = None,
                 **kwargs: typing.Any) -> None:
        super().__init__(app_iter=chunks, **kwargs)
        self.content_length = length

    @property
    def app_iter(self) -> Iterator[bytes]:
        """Return the placeholder for Pecan."""
        return (chunk for chunk in [b'not empty'])

    @app_iter.setter
    def app_iter(self, _copy: typing.Any) -> None:
        """Ignore the copy of the placeholder that Pecan stores."""
