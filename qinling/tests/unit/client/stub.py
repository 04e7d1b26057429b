# SPDX-License-Identifier: Apache-2.0
"""Double of a server, with prepared answers."""

import io
import json

from keystoneauth1 import noauth
from keystoneauth1 import session as sessions
import requests
from requests import adapters

from qinling.client import shell
from qinling.client import v1

URL = 'http://qinling.test'


def answer(status=200, body=None, reason='', **headers):
    """Return an answer; a body other than text becomes JSON."""
    response = requests.Response()
    response.status_code = status
    response.reason = reason
    if body is not None and not isinstance(body, str):
        headers['Content-Type'] = 'application/json'
        body = json.dumps(body)
    response._content = (body or '').encode()
    response.headers.update(headers)
    return response


class Shell(shell.Shell):
    """Shell with a double of a server, and without a terminal."""

    def __init__(self, client, argv):
        super().__init__(argv)
        self.function_engine = client
        self.stdin, self.stdout, self.stderr = (
            io.StringIO() for _ in range(3))

    def configure_logging(self):
        """Send errors of commands to the own standard error."""
        self.LOG = self

    def error(self, text):
        """Record the error of a command."""
        print(text, file=self.stderr)

    def initialize_app(self, argv):
        self.client_manager = self
        self.url = URL


class Server(adapters.BaseAdapter):
    """Adapter that gives one answer after the other and records requests."""

    def __init__(self, *answers):
        super().__init__()
        self.answers = list(answers)
        self.requests, self.timeouts = [], []

    def send(self, request, **kwargs):
        self.requests.append(request)
        self.timeouts.append(kwargs.get('timeout'))
        response = self.answers.pop(0)
        if isinstance(response, BaseException):
            raise response
        response.request, response.url = request, request.url
        return response

    def close(self):
        """Close no connection: the double opens none."""

    @property
    def paths(self):
        """Return method and path of each request."""
        return [f'{request.method} {request.path_url}'
                for request in self.requests]

    def client(self):
        """Return a Python client of the server."""
        session = requests.Session()
        session.mount(URL, self)
        return v1.Client(URL, sessions.Session(
            auth=noauth.NoAuth(endpoint=URL), session=session))

    def run(self, *words):
        """Run a command of the shell.

        :returns: exit code, standard output, standard error.
        """
        app = Shell(self.client(), list(words))
        code = app.run(list(words))
        return code, app.stdout.getvalue(), app.stderr.getvalue()
