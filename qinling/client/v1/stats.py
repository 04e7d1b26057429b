# SPDX-License-Identifier: Apache-2.0
"""Statistics of executions."""

from __future__ import annotations

import typing

from qinling.client import http


class Stats:
    """Statistics of a project, a function, a version or an alias."""

    def __init__(self, transport: http.Transport) -> None:
        self._transport = transport

    def get(self, function_id: str | None = None, version: int | None = None,
            alias: str | None = None, **query: typing.Any
            ) -> dict[str, typing.Any]:
        """Return counts and durations.

        :param query: ``since`` and ``until`` (UTC; the default is the last
            24 hours), ``by`` (``version``, ``alias``, ``hour``, ``day`` or
            ``function``); ``all_projects`` for administrators, also
            with ``by`` ``project``.
        :returns: ``count``, ``failures``, ``failures_by_reason``,
            ``cold_starts``, ``gb_seconds``, ``cost`` and ``currency``
            (``None`` without prices), ``duration`` (``p50``, ``p95``,
            ``p99`` and ``max`` in seconds, or ``None``), ``since``,
            ``until``, ``as_of``; with ``by`` also ``groups``, each with a
            ``key`` and the same figures.
        """
        parts: tuple[str | int, ...] = ()
        if alias is not None:
            parts = 'aliases', alias
        elif function_id is not None:
            parts = 'functions', function_id
            if version is not None:
                parts += 'versions', version
        answer: dict[str, typing.Any] = http.read_json(
            self._transport.request('GET', http.build_path(*parts, 'stats'),
                                    params=http.drop_none(query)))
        return answer
