# SPDX-License-Identifier: Apache-2.0
"""A server that answers what a test wants."""

import json

from keystoneauth1 import noauth
from keystoneauth1 import session as sessions
import requests
from requests import adapters

from qinling.client import v1

URL = 'http://qinling.test'


def answer(status=200, body=None, reason='', **headers):
    """An answer; a body that is no text becomes JSON."""
    made = requests.Response()
    made.status_code = status
    made.reason = reason
    if body is not None and not isinstance(body, str):
        headers['Content-Type'] = 'application/json'
        body = json.dumps(body)
    made._content = (body or '').encode()
    made.headers.update(headers)
    return made


class Server(adapters.BaseAdapter):
    """Gives the answers one after the other, and keeps the requests."""

    def __init__(self, *answers):
        super().__init__()
        self.answers = list(answers)
        self.requests = []

    def send(self, request, **kwargs):
        self.requests.append(request)
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        found.request, found.url = request, request.url
        return found

    def close(self):
        """Nothing is open."""

    @property
    def paths(self):
        """Method and path of each request."""
        return [f'{request.method} {request.path_url}'
                for request in self.requests]

    def client(self, **how):
        """A Python client of this server."""
        session = requests.Session()
        session.mount(URL, self)
        return v1.Client(URL, sessions.Session(
            auth=noauth.NoAuth(endpoint=URL), session=session), **how)
