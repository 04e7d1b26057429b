# SPDX-License-Identifier: Apache-2.0
"""Answers of webhooks while the function yields them.

The status and the headers wait for the first part, and so tell of a failure
before it.  Later, only a cut off answer does.
"""

from collections.abc import Iterator

import webob

from qinling.api import output_answers
from qinling.api import pecan_patches
from qinling.api import webhook_http
from qinling.core.execution import outcomes
from qinling.core.execution import output_stream


def create_response(req: pecan_patches.Request,
                    parts: output_stream.OutputStream, repeated: bool
                    ) -> webob.Response:
    """Return the answer to an accepted delivery.

    :param repeated: an earlier delivery created the execution.
    :raises Incomplete: the sender left.
    """
    try:
        first = _read_first(req, parts)
        if not parts.has_parts:
            parts.close()
            return webhook_http.create_response(parts.row, repeated)
        return webhook_http.mark(
            _create_stream(req, first, parts), parts.row.id, repeated)
    except BaseException:
        parts.close()
        raise


def _read_first(req: pecan_patches.Request,
                parts: output_stream.OutputStream) -> outcomes.OutputPart:
    """Return the first part with content, or the last one."""
    for part in parts:
        if parts.has_parts:
            return part
        output_answers.check_client(req, parts)
    return part


def _create_stream(req: pecan_patches.Request, first: outcomes.OutputPart,
                   parts: output_stream.OutputStream) -> webob.Response:
    body = output_answers.Body(req, parts, _encode(first, parts))
    content_type = (webhook_http.TEXT if isinstance(first.output, str)
                    else output_answers.LINES)
    try:
        return webhook_http.create_streamed_response(
            body, first.head or {}, content_type)
    except webhook_http.InvalidOutput as e:
        parts.close()
        return webhook_http.create_refusal(parts.row, e)


def _encode(first: outcomes.OutputPart, parts: output_stream.OutputStream
            ) -> Iterator[bytes]:
    yield output_answers.encode_part(first)
    yield from output_answers.encode_texts(parts)
