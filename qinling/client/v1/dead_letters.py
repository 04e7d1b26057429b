# SPDX-License-Identifier: Apache-2.0
"""Dead letters: payloads that no execution has handled."""

import typing

from qinling.client import http
from qinling.client.v1 import base


class DeadLetters(base.Collection):
    """Dead letters; lists leave out the ``payload``."""

    path = 'dead_letters'
    key = 'dead_letters'
    noun = 'Dead letter'
    name = 'id'

    def redrive(self, id: str, **target: typing.Any) -> base.Resource:
        """Run the payload of a letter, and return the execution.

        The letter is deleted.

        :param target: ``function_id`` and ``function_version``, or
            ``function_alias``; by default the target of the letter.
        """
        return self._call('POST', id, 'redrive', json=http.drop_none(target))

    def redrive_all(self, dry_run: bool = False,
                    target: dict[str, typing.Any] | None = None,
                    **filters: typing.Any) -> base.Resource:
        """Redrive the oldest letters that the filters select.

        :param dry_run: only count them.
        :param target: see :meth:`redrive`.
        :param filters: query of a list, such as ``source_id``.
        :returns: ``count``, ``redriven``, at most 500, and ``reason`` if one
            of them could not be.
        """
        return self._call('POST', 'redrive', params=http.drop_none(filters),
                          json={'dry_run': dry_run,
                                **http.drop_none(target or {})})
