# SPDX-License-Identifier: Apache-2.0
"""Versions of functions, addressed by function and number."""

from qinling.client import http
from qinling.client.v1 import base
from qinling.client.v1 import functions


class Versions(base.Collection):
    path = 'functions'
    key = 'function_versions'
    noun = 'FunctionVersion'

    def list(self, function_id, **query):
        """Iterate over the versions of a function."""
        return self._transport.pages(
            http.path(self.path, function_id, 'versions'), self.key,
            http.given(query))

    def get(self, function_id, number):
        """A version."""
        return self._call('GET', function_id, 'versions', number)

    def create(self, function_id, description=None):
        """Publish the latest code."""
        return self._call('POST', function_id, 'versions',
                          json={'description': description})

    def update(self, function_id, number, description, if_match=None):
        """Describe a version; nothing else of it can be changed."""
        return self._call('PUT', function_id, 'versions', number,
                          if_match=if_match,
                          json={'description': description})

    def delete(self, function_id, number, if_match=None):
        """Delete a version."""
        self._call('DELETE', function_id, 'versions', number,
                   if_match=if_match)

    def download(self, function_id, number):
        """The package, as an iterator over pieces of bytes."""
        response = self._transport.request(
            'GET', http.path(self.path, function_id, 'versions', number),
            params={'download': 'true'}, stream=True)
        return response.iter_content(functions.CHUNK)

    def references(self, function_id, number):
        """What keeps the version from being deleted."""
        return self._call('GET', function_id, 'versions', number,
                          'references')['references']

    def provision(self, function_id, number, count=1):
        """Have each engine keep so many workers warm, 0 for none."""
        self._call('POST', function_id, 'versions', number, 'provision',
                   json={'count': count})

    def scale_up(self, function_id, number, count=1):
        """Add workers."""
        self._call('POST', function_id, 'versions', number, 'scale_up',
                   json={'count': count})

    def scale_down(self, function_id, number, count=1):
        """Take workers away."""
        self._call('POST', function_id, 'versions', number, 'scale_down',
                   json={'count': count})

    def detach(self, function_id, number):
        """Drop all workers."""
        self._call('POST', function_id, 'versions', number, 'detach')
