# SPDX-License-Identifier: Apache-2.0
"""Calls of ``conn.function_engine`` for event sources and dead letters."""

from collections.abc import Iterator
import typing

from openstack import proxy

from qinling.client.sdk import resources


class Events(proxy.Proxy):
    """Event sources and dead letters."""

    def event_sources(self, **query: typing.Any
                      ) -> Iterator[resources.EventSource]:
        """Iterate over event sources.

        :param query: filters, ``sort_key``, ``sort_dir``, ``limit``.
        """
        return self._list(resources.EventSource, **query)

    def create_event_source(self, **fields: typing.Any
                            ) -> resources.EventSource:
        """Create an event source."""
        return self._create(resources.EventSource, **fields)

    def get_event_source(self, source: resources.EventSource | str
                         ) -> resources.EventSource:
        """Return an event source."""
        return self._get(resources.EventSource, source)

    def find_event_source(self, name_or_id: str, ignore_missing: bool = True
                          ) -> resources.EventSource | None:
        """Return the event source with a name or an id, or ``None``."""
        return self._find(resources.EventSource, name_or_id, ignore_missing)

    def update_event_source(self, source: resources.EventSource | str,
                            **fields: typing.Any) -> resources.EventSource:
        """Change an event source."""
        return self._update(resources.EventSource, source, **fields)

    def pause_event_source(self, source: resources.EventSource | str) -> None:
        """Leave the events in the source until a resume."""
        self._get_resource(resources.EventSource, source).act(self, 'pause')

    def resume_event_source(self, source: resources.EventSource | str
                            ) -> None:
        """Read a paused source again."""
        self._get_resource(resources.EventSource, source).act(self, 'resume')

    def delete_event_source(self, source: resources.EventSource | str,
                            ignore_missing: bool = True) -> None:
        """Delete an event source."""
        self._delete(resources.EventSource, source, ignore_missing)

    def dead_letters(self, **query: typing.Any
                     ) -> Iterator[resources.DeadLetter]:
        """Iterate over dead letters, without their payloads.

        :param query: filters, ``sort_key``, ``sort_dir``, ``limit``.
        """
        return self._list(resources.DeadLetter, **query)

    def get_dead_letter(self, letter: resources.DeadLetter | str
                        ) -> resources.DeadLetter:
        """Return a dead letter with its payload."""
        return self._get(resources.DeadLetter, letter)

    def redrive_dead_letter(self, letter: resources.DeadLetter | str,
                            **target: typing.Any) -> resources.Execution:
        """Run the payload of a dead letter, and return the execution."""
        resource = self._get_resource(resources.DeadLetter, letter)
        return resources.Execution.existing(
            **resource.act(self, 'redrive', **target).json())

    def delete_dead_letter(self, letter: resources.DeadLetter | str,
                           ignore_missing: bool = True) -> None:
        """Delete a dead letter."""
        self._delete(resources.DeadLetter, letter, ignore_missing)
