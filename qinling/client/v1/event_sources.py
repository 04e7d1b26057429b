# SPDX-License-Identifier: Apache-2.0
"""Event sources: queues and streams whose events run functions."""

import typing

from qinling.client import http
from qinling.client.v1 import base


class EventSources(base.Collection):
    """Event sources.

    Fields of an update: those of :meth:`create` except ``kind``.  Requests
    with ``credentials`` are never logged.
    """

    path = 'event_sources'
    key = 'event_sources'
    noun = 'Event source'

    def create(self, **fields: typing.Any) -> base.Resource:
        """Create an event source.

        :param fields: ``kind``, ``settings`` (dict), and ``function_id`` and
            ``function_version``, or ``function_alias``; ``name``,
            ``credentials`` (dict), ``filter`` (dict), ``batch_size``,
            ``batch_window``.
        """
        return self._call('POST', json=http.drop_none(fields), log=False)

    def update(self, *address: str | int, if_match: str | None = None,
               **fields: typing.Any) -> base.Resource:
        """Change an event source; ``None`` leaves a field as is."""
        return self._call('PUT', *address, if_match=if_match,
                          json=http.drop_none(fields), log=False)

    def pause(self, id: str, if_match: str | None = None) -> base.Resource:
        """Leave the events in the source until a resume."""
        return self._call('POST', id, 'pause', if_match=if_match)

    def resume(self, id: str, if_match: str | None = None) -> base.Resource:
        """Read a paused source again."""
        return self._call('POST', id, 'resume', if_match=if_match)
