# SPDX-License-Identifier: Apache-2.0
"""Forward proxy to the package indexes: the only network of installations.

Workers that install dependencies have a network namespace of their own, and a
Unix socket of this proxy.  The proxy connects only to the hosts that the
operator has configured; see :func:`list_hosts`.
"""

from collections.abc import Iterable
import contextlib
import logging
import os
import selectors
import socket
import threading
import time
import urllib.parse

from oslo_config import cfg

from qinling.conf import build as build_options
from qinling import exception
from qinling.orchestrators.process import sandbox_spec
from qinling.orchestrators.process import worker

LOG = logging.getLogger(__name__)

PYPI_HOSTS = ('https://pypi.org', 'https://files.pythonhosted.org')
NPM_HOSTS = ('https://registry.npmjs.org',)
PORTS = {'http': 80, 'https': 443}
NAME = 'index'
MAX_CONNECTIONS = 64
MAX_HEAD_BYTES = 65536
CHUNK_BYTES = 65536
#: For the head of a request, and for a connection to an index.
TIMEOUT_SECONDS = 30.0
RETRY_SECONDS = 0.1
#: Headers between a client and its proxy; see RFC 9110, section 7.6.1.
HOP_HEADERS = ('proxy-', 'connection:', 'keep-alive:')

#: Host and port.
Address = tuple[str, int]


class Refused(Exception):
    """A request that the proxy refuses: status code and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f'{status} {reason}')


def list_hosts(options: cfg.ConfigOpts.GroupAttr) -> frozenset[Address]:
    """Return the addresses that installations may reach.

    :param options: the configuration group ``build``.
    """
    urls = [*([options.index_url] if options.index_url else PYPI_HOSTS),
            *([options.npm_registry] if options.npm_registry else NPM_HOSTS)]
    for text in options.pip_options:
        for scheme in PORTS:
            index = text.find(f'{scheme}://')
            if index >= 0:
                urls.append(text[index:])
    urls += [host if '://' in host else f'https://{host}'
             for host in options.index_hosts]
    return frozenset(map(_parse_address, urls))


def _parse_address(url: str) -> Address:
    """Return the address of a URL.

    :raises ValueError: the URL has no valid host or port.
    """
    parts = urllib.parse.urlsplit(url)
    if not parts.hostname:
        raise ValueError(f'{url!r} has no host.')
    return parts.hostname, parts.port or PORTS.get(parts.scheme, 443)


def start_proxy(conf: cfg.ConfigOpts, starter: worker.Starter
                ) -> 'IndexProxy | None':
    """Prepare the sandbox of installations, and start the proxy, if any.

    :param starter: starter of workers, whose installer sandbox changes.
    :returns: ``None`` if installations have the network of the host.
    :raises PermanentError: a configured address is not valid.
    """
    conf.register_opts(build_options.OPTS, group=build_options.GROUP)
    options = conf.build
    if not starter.backend.sandboxed:
        return None
    proxy = None
    if options.restrict_network:
        try:
            hosts = list_hosts(options)
        except ValueError:
            raise exception.PermanentError(
                'An address in [build] index_url, npm_registry, pip_options '
                'or index_hosts has no valid host and port.') from None
        if any(text.startswith('--proxy') for text in options.pip_options):
            LOG.warning('Installations cannot connect to the --proxy in '
                        '[build] pip_options; set restrict_network = false.')
        proxy = IndexProxy(hosts, starter.directory, options.timeout)
        starter.installer_spec = sandbox_spec.restrict_network(
            starter.installer_spec, proxy.path)
    # Downloads, temporary files and installed files share the directory.
    starter.installer_spec = sandbox_spec.set_code_size(
        starter.installer_spec, options.memory)
    return proxy


class IndexProxy:
    """Proxy at a Unix socket, with a thread per connection.

    :param hosts: permitted addresses.
    :param directory: directory of the socket.
    :param timeout: seconds without data until a connection is closed.
    """

    def __init__(self, hosts: Iterable[Address], directory: worker.Directory,
                 timeout: float) -> None:
        self._hosts = frozenset(hosts)
        self._timeout = timeout
        self._closing = threading.Event()
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._lock = threading.Lock()
        self._directory = directory
        self._listener: socket.socket | None = None
        self.path = os.path.join(directory.path, f'{NAME}.sock')

    def start(self) -> None:
        """Listen, unless started already."""
        with self._lock:
            if self._listener is None and not self._closing.is_set():
                self._listener, _path = self._directory.listen(NAME)
                # Each worker may have a user of its own.
                os.chmod(self.path, 0o666)
                threading.Thread(target=self._accept, args=(self._listener,),
                                 name='index proxy', daemon=True).start()

    def close(self) -> None:
        """Stop accepting connections."""
        self._closing.set()
        with self._lock:
            if self._listener is None:
                return
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            self._free.acquire()
            try:
                client, _address = listener.accept()
            except OSError as error:
                self._free.release()
                if self._closing.wait(RETRY_SECONDS):
                    return
                LOG.warning('Could not accept a connection of an '
                            'installation: %s', error)
                continue
            threading.Thread(target=self._serve, args=(client,),
                             name='index connection', daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Serve a connection; the target of a thread."""
        try:
            with client:
                self._forward(client)
        except OSError as error:
            LOG.debug('A connection of an installation broke: %s', error)
        finally:
            self._free.release()

    def _forward(self, client: socket.socket) -> None:
        try:
            head, rest = _read_head(client)
            address, request = _parse_request(head)
            upstream = self._connect(address)
        except Refused as refusal:
            LOG.info('Rejecting a connection of an installation: %s', refusal)
            client.sendall(f'HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n'
                           'Connection: close\r\n\r\n'.encode('latin-1'))
            return
        with upstream:
            upstream.settimeout(self._timeout)
            client.settimeout(self._timeout)
            if request is None:
                client.sendall(b'HTTP/1.1 200 Connection established\r\n\r\n')
            upstream.sendall((request or b'') + rest)
            _relay(client, upstream, self._timeout)

    def _connect(self, address: Address) -> socket.socket:
        if address not in self._hosts:
            raise Refused(403, f'{address[0]} port {address[1]} is not in '
                               '[build] index_hosts')
        try:
            return socket.create_connection(address, TIMEOUT_SECONDS)
        except OSError as error:
            raise Refused(502, f'cannot connect to {address[0]} port '
                               f'{address[1]}: {error.strerror}')


def _read_head(client: socket.socket) -> tuple[bytes, bytes]:
    """Return the head of a request, and the bytes behind the head."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    data = bytearray()
    while (end := data.find(b'\r\n\r\n')) < 0:
        if len(data) > MAX_HEAD_BYTES:
            raise Refused(431, 'the head is too large')
        client.settimeout(max(0.001, deadline - time.monotonic()))
        chunk = client.recv(CHUNK_BYTES)
        if not chunk:
            raise Refused(400, 'the request is not complete')
        data += chunk
    return bytes(data[:end]), bytes(data[end + 4:])


def _parse_request(head: bytes) -> tuple[Address, bytes | None]:
    """Return the address of a request, and the head for the index.

    :returns: ``None`` as the head for a tunnel.
    :raises Refused: the request is neither CONNECT nor GET of a URL.
    """
    line, *headers = head.decode('latin-1').split('\r\n')
    words = line.split(' ')
    if len(words) != 3 or not line.isascii() or not line.isprintable():
        raise Refused(400, 'the request line is not valid')
    method, target, _version = words
    try:
        if method == 'CONNECT':
            return _parse_address(f'https://{target}'), None
        if method in ('GET', 'HEAD') and target.startswith('http://'):
            address = _parse_address(target)
            parts = urllib.parse.urlsplit(target)
            path = urllib.parse.urlunsplit(
                ('', '', parts.path or '/', parts.query, ''))
            lines = [f'{method} {path} HTTP/1.1', 'Connection: close', *(
                header for header in headers
                if not header.lower().startswith(HOP_HEADERS))]
            return address, '\r\n'.join([*lines, '', '']).encode('latin-1')
    except ValueError:
        raise Refused(400, 'the address is not valid')
    raise Refused(405, 'only CONNECT, and GET of http:// addresses')


def _relay(client: socket.socket, upstream: socket.socket, timeout: float
           ) -> None:
    """Copy bytes in both directions until both ends have closed.

    :param timeout: seconds without data after which to give up.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ, upstream)
        selector.register(upstream, selectors.EVENT_READ, client)
        while selector.get_map():
            ready = selector.select(timeout)
            if not ready:
                return
            for key, _events in ready:
                source: socket.socket = key.fileobj  # type: ignore
                data = source.recv(CHUNK_BYTES)
                if data:
                    key.data.sendall(data)
                else:
                    selector.unregister(source)
                    key.data.shutdown(socket.SHUT_WR)
