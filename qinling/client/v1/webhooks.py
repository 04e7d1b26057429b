#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""Webhooks: URLs that run functions."""

from qinling.client import http
from qinling.client.v1 import base


class Webhooks(base.Collection):
    path = 'webhooks'
    key = 'webhooks'
    noun = 'Webhook'
    #: It has no other.
    name = 'description'

    def create(self, **fields):
        """``fields``: ``function_id`` and ``function_version``, or
        ``function_alias``; ``description``."""
        return self._call('POST', json=http.given(fields))

    def update(self, id, if_match=None, **fields):
        """``fields`` as above."""
        return self._call('PUT', id, if_match=if_match,
                          json=http.given(fields))

    def invoke(self, id, input=None):
        """Run the function with a JSON object; the answer has
        ``execution_id``.  Nobody is asked who he is."""
        return self._call('POST', id, 'invoke', json=input or {})
