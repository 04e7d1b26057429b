# SPDX-License-Identifier: Apache-2.0
"""Webhooks: URLs that run functions."""

from qinling.client import http
from qinling.client.v1 import base

#: Says in the answer of a webhook which execution it began.
EXECUTION = 'X-Qinling-Execution-Id'


class Webhooks(base.Collection):
    """Requests and answers that may have a secret are never logged."""

    path = 'webhooks'
    key = 'webhooks'
    noun = 'Webhook'
    #: It has no other.
    name = 'description'

    def create(self, **fields):
        """The answer has the ``secret``, which is told only then.

        :param fields: ``function_id`` and ``function_version``, or
            ``function_alias``; ``description``, ``sync``, ``payload``,
            ``signature``, ``secret``.
        """
        return self._call('POST', json=http.given(fields), log=False)

    def update(self, id, if_match=None, **fields):
        """``fields`` as above, but no ``signature`` and no ``secret``."""
        return self._call('PUT', id, if_match=if_match,
                          json=http.given(fields))

    def rotate(self, id, if_match=None, **fields):
        """Give a webhook another secret, which the answer has.

        :param fields: ``secret`` (else one is made), ``signature``,
            ``overlap`` (seconds for which the present one stays good).
        """
        return self._call('POST', id, 'secret', if_match=if_match,
                          json=http.given(fields), log=False)

    def unseal(self, id, if_match=None):
        """Let anybody use a webhook, without a secret."""
        self._call('DELETE', id, 'secret', if_match=if_match)

    def invoke(self, id, input=None):
        """Run the function with a JSON object.

        :returns: dict with ``execution_id``, ``status_code`` and, if the
            webhook waits for the end, the ``output``: the text of the answer
            that the function has made.
        :raises HttpError: when it failed, or answers with an error.
        """
        response = self._transport.request(
            'POST', http.path(self.path, id, 'invoke'), json=input or {})
        execution = response.headers.get(EXECUTION)
        answer = {'status_code': response.status_code}
        if response.status_code == 202:
            execution = execution or response.json()['execution_id']
        else:
            answer['output'] = response.content.decode('utf-8', 'replace')
        return dict(answer, execution_id=execution)
