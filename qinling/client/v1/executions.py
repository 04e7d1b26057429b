# SPDX-License-Identifier: Apache-2.0
"""Executions: runs of functions."""

from qinling.client import http
from qinling.client.v1 import base


class Executions(base.Collection):
    path = 'executions'
    key = 'executions'
    noun = 'Execution'
    busy = ('running',)

    def create(self, idempotency_key=None, **fields):
        """Run a function.

        :param idempotency_key: whatever is asked again with the same key
            is done only once.
        :param fields: ``function_id`` and ``function_version``, or
            ``function_alias``; ``sync``, ``input``, ``routing_key``,
            ``description``.
        """
        headers = http.given({'Idempotency-Key': idempotency_key})
        return self._call('POST', json=http.given(fields), headers=headers)

    def log(self, id):
        """What the function printed."""
        response = self._transport.request(
            'GET', http.path(self.path, id, 'log'))
        return response.content.decode('utf-8', 'replace')

    def cancel(self, id):
        """Stop one that runs or waits."""
        return self._call('POST', id, 'cancel')

    def rerun(self, id, version=None, sync=None):
        """Run again what an execution ran; the answer is the new one.

        :param version: a number, ``'original'`` (as it is if not given) or
            ``'current'``: what it would run today.
        """
        return self._call('POST', id, 'rerun', json=http.given(
            {'version': version, 'sync': sync}))
