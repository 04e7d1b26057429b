# SPDX-License-Identifier: Apache-2.0
"""The way to agents through the proxy of the API server."""

import socket
import ssl
from urllib import parse

from qinling.orchestrators import base
from qinling.orchestrators.kubernetes import pods

#: What the API server says of a pod that it could not connect to.
NOT_CONNECTED = ('connection refused', 'no route to host', 'i/o timeout',
                 'not found', 'no endpoints available')


class Proxy:
    """Makes a :class:`Way` for each pod.

    :param api: an :class:`.api.Api`.
    """

    def __init__(self, api):
        self._namespace = api.namespace
        self.configuration = api.configuration
        url = parse.urlsplit(self.configuration.host)
        self.address = (url.hostname, url.port or (
            443 if url.scheme == 'https' else 80))
        self.root = url.path.rstrip('/')
        self.context = (_context(self.configuration)
                        if url.scheme == 'https' else None)

    def __call__(self, name):
        return Way(self, f'{self.root}/api/v1/namespaces/{self._namespace}/'
                         f'pods/{name}:{pods.PORT}/proxy')

    def connect(self, timeout):
        """A connected socket to the API server."""
        made = socket.create_connection(self.address, timeout)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.context is None:
            return made
        try:
            return self.context.wrap_socket(
                made, server_hostname=self.configuration.tls_server_name
                or self.address[0])
        except BaseException:
            made.close()
            raise

    def headers(self):
        """Who we are, as it is now: a token may be renewed any time."""
        return {setting['key']: setting['value']
                for setting in self.configuration.auth_settings().values()
                if setting['in'] == 'header' and setting['value']}


class Way(base.Reach):
    """The way to one pod."""

    def __init__(self, proxy, prefix):
        self._proxy = proxy
        self.prefix = prefix

    def connect(self, timeout):
        return self._proxy.connect(timeout)

    def headers(self):
        return self._proxy.headers()

    def failure(self, answer):
        if not isinstance(answer, dict) or answer.get('kind') != 'Status':
            return None
        message = str(answer.get('message', '')).lower()
        return not any(each in message for each in NOT_CONNECTED)


def _context(configuration):
    context = ssl.create_default_context(
        cafile=configuration.ssl_ca_cert,
        cadata=configuration.ca_cert_data)
    context.set_alpn_protocols(['http/1.1'])
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file,
                                configuration.key_file)
    return context
