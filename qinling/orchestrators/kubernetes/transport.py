# SPDX-License-Identifier: Apache-2.0
"""Transport to agents through the proxy of the API server."""

from collections.abc import Mapping
import socket
import ssl
import typing
from urllib import parse

from kubernetes import client

from qinling.orchestrators import base
from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import pods

#: Messages of the API server about an unreachable pod.
NOT_CONNECTED = ('connection refused', 'no route to host', 'i/o timeout',
                 'not found', 'no endpoints available')


class Proxy:
    """Proxy of the API server for all pods of a namespace."""

    def __init__(self, api: apis.Api) -> None:
        self._namespace = api.namespace
        self.configuration = api.configuration
        url = parse.urlsplit(self.configuration.host)
        self.address = (url.hostname or '', url.port or (
            443 if url.scheme == 'https' else 80))
        self.root = url.path.rstrip('/')
        self.context = (_create_context(self.configuration)
                        if url.scheme == 'https' else None)

    def create_transport(self, name: str) -> 'PodTransport':
        """Return the transport to a pod."""
        return PodTransport(
            self, f'{self.root}/api/v1/namespaces/{self._namespace}/'
                  f'pods/{name}:{pods.PORT}/proxy')

    def connect(self, timeout: float) -> socket.socket:
        """Return a socket connected to the API server."""
        connection = socket.create_connection(self.address, timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.context is None:
            return connection
        try:
            return self.context.wrap_socket(
                connection,
                server_hostname=self.configuration.tls_server_name
                or self.address[0])
        except BaseException:
            connection.close()
            raise

    def headers(self) -> dict[str, str]:
        """Return the present credentials; tokens may change any time."""
        settings: typing.Any = self.configuration.auth_settings()
        return {setting['key']: setting['value']
                for setting in settings.values()
                if setting['in'] == 'header' and setting['value']}


class PodTransport(base.Transport):
    """Transport to a pod."""

    def __init__(self, proxy: Proxy, prefix: str) -> None:
        self._proxy = proxy
        self.prefix = prefix

    def connect(self, timeout: float) -> socket.socket:
        return self._proxy.connect(timeout)

    def headers(self) -> Mapping[str, str]:
        return self._proxy.headers()

    def failure(self, answer: Mapping[str, typing.Any]) -> bool | None:
        if not isinstance(answer, dict) or answer.get('kind') != 'Status':
            return None
        message = str(answer.get('message', '')).lower()
        return not any(text in message for text in NOT_CONNECTED)


def _create_context(configuration: client.Configuration) -> ssl.SSLContext:
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
