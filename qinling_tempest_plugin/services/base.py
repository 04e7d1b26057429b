# SPDX-License-Identifier: Apache-2.0
"""Operations that all clients share."""

import json
import typing
import urllib.parse

from tempest.lib.common import rest_client

Row = dict[str, typing.Any]


class Client(rest_client.RestClient):
    """Operations on a collection.

    Methods return the decoded body.

    :raises RestClientException: for any status other than the expected.
    """

    #: Path of the collection, from the root of the API.
    path: str

    def get_body(self, path: str, **query: typing.Any) -> typing.Any:
        """Return the answer to a GET."""
        if query:
            path += '?' + urllib.parse.urlencode(query)
        response, body = self.get(path)
        self.expected_success(200, response.status)
        return self.decode_body(response, body)

    def send_json(self, method: str, path: str, status: int,
                  values: Row | None = None) -> typing.Any:
        """Return the answer to a request with a JSON body."""
        send = {'POST': self.post, 'PUT': self.put}[method]
        response, body = send(path, json.dumps(values or {}))
        self.expected_success(status, response.status)
        return self.decode_body(response, body)

    def delete_path(self, path: str) -> None:
        """Send a DELETE."""
        response, _ = self.delete(path)
        self.expected_success(204, response.status)

    @staticmethod
    def decode_body(response: typing.Any, body: bytes) -> typing.Any:
        """Return a JSON body decoded, and any other body unchanged."""
        content_type = response.get('content-type', '')
        if body and content_type.startswith('application/json'):
            return json.loads(body)
        return body

    def create(self, **values: typing.Any) -> Row:
        return self.send_json('POST', self.path, 201, values)

    def list(self, **query: typing.Any) -> typing.Any:
        """Return the visible rows, in the order of the answer."""
        page = self.get_body(self.path, **query)
        page.pop('next', None)
        rows, = page.values()
        return rows

    def show(self, id: str) -> Row:
        return self.get_body(f'{self.path}/{id}')

    def update(self, id: str, **values: typing.Any) -> Row:
        return self.send_json('PUT', f'{self.path}/{id}', 200, values)

    def destroy(self, id: str) -> None:
        self.delete_path(f'{self.path}/{id}')
