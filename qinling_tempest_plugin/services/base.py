# SPDX-License-Identifier: Apache-2.0
"""What the clients of all nouns are made of."""

import json
import urllib.parse

from tempest.lib.common import rest_client


class Client(rest_client.RestClient):
    """The usual verbs of a collection.

    Each returns the decoded body, and raises one of ``tempest.lib.exceptions``
    for what is not a success.
    """

    #: Path of the collection, from the root of the API.
    path = None

    def read(self, path, **query):
        """The answer to a GET."""
        if query:
            path += '?' + urllib.parse.urlencode(query)
        resp, body = self.get(path)
        self.expected_success(200, resp.status)
        return self._decoded(resp, body)

    def write(self, method, path, status, values=None):
        """The answer to a request with a JSON body."""
        send = {'POST': self.post, 'PUT': self.put}[method]
        resp, body = send(path, json.dumps(values or {}))
        self.expected_success(status, resp.status)
        return self._decoded(resp, body)

    def remove(self, path):
        """Delete, which has no answer."""
        resp, _ = self.delete(path)
        self.expected_success(204, resp.status)

    @staticmethod
    def _decoded(resp, body):
        if body and resp.get('content-type', '').startswith(
                'application/json'):
            return json.loads(body)
        return body

    def create(self, **values):
        """Make one."""
        return self.write('POST', self.path, 201, values)

    def list(self, **query):
        """All that the caller may see, as they are in the answer."""
        answer = self.read(self.path, **query)
        answer.pop('next', None)
        rows, = answer.values()
        return rows

    def show(self, id):
        """One by its id, or an alias by its name."""
        return self.read(f'{self.path}/{id}')

    def update(self, id, **values):
        """Change one."""
        return self.write('PUT', f'{self.path}/{id}', 200, values)

    def destroy(self, id):
        """Delete one."""
        self.remove(f'{self.path}/{id}')
