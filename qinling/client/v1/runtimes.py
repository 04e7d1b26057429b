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

"""Runtimes: what functions are written for."""

from qinling.client import http
from qinling.client.v1 import base


class Runtimes(base.Collection):
    path = 'runtimes'
    key = 'runtimes'
    noun = 'Runtime'
    busy = ('creating', 'upgrading', 'deleting')

    def create(self, image, **fields):
        """Its pool is made afterwards.  ``fields``: ``name``,
        ``description``, ``language``, ``language_version``,
        ``is_public``, ``trusted``."""
        return self._call('POST', json=http.given(
            dict(fields, image=image)))

    def update(self, id, if_match=None, **fields):
        """``fields``: ``name``, ``description``, ``image``, ``language``,
        ``language_version``, ``upgrade_versions``."""
        return self._call('PUT', id, if_match=if_match,
                          json=http.given(fields))

    def pool(self, id):
        """``name`` and ``capacity`` of the pool."""
        return self._call('GET', id, 'pool')
