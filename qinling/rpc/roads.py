# SPDX-License-Identifier: Apache-2.0
"""Connections to an engine: opened, and proved to be of the service.

The engine speaks first and says its name.  Over TCP, both sides then prove
that they know the secret of the engine, which only the database has, without
sending the secret.
"""

import dataclasses
import hashlib
import hmac
import secrets
import socket
import ssl

from qinling.rpc import forms
from qinling.rpc import lines

#: Seconds for opening a connection, including the proof.
OPEN_SECONDS = 2
#: Seconds of silence after which the kernel asks the other machine, and
#: seconds between two further questions.
KEEPALIVE_SECONDS = 10
#: Bytes of a message before the proof.
MAX_BYTES = 512
_CLIENT, _ENGINE = 'client', 'engine'


class Refused(ConnectionError):
    """The other side did not prove that it belongs to the service."""


@dataclasses.dataclass(frozen=True)
class UnixRoad:
    """Road to an engine of the same machine; the file has the rights.

    :param path: of the socket.
    """

    path: str

    def open(self) -> tuple[socket.socket, str]:
        """Return a connection, and the name of the engine.

        :raises OSError: the engine does not answer.
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(OPEN_SECONDS)
            connection.connect(self.path)
            return connection, _receive(connection)
        except OSError:
            connection.close()
            raise


@dataclasses.dataclass(frozen=True)
class TcpRoad:
    """Road to an engine of another machine.

    :param owner: name of the engine.
    :param secret: of the engine, as text.
    :param tls: configuration of TLS, ``None`` for plain connections.
    """

    owner: str
    host: str
    port: int
    secret: str = dataclasses.field(repr=False)
    tls: ssl.SSLContext | None = None

    def open(self) -> tuple[socket.socket, str]:
        """Return a connection, and the name of the engine.

        :raises OSError: the engine does not answer.
        :raises Refused: something else listens there.
        """
        connection = socket.create_connection(
            (self.host, self.port), OPEN_SECONDS)
        try:
            set_up(connection)
            if self.tls is not None:
                connection = self.tls.wrap_socket(
                    connection, server_hostname=self.host)
            self._prove_both(connection)
            return connection, self.owner
        except OSError:
            connection.close()
            raise

    def _prove_both(self, connection: socket.socket) -> None:
        owner, nonce = _split(_receive(connection))
        if owner != self.owner:
            raise Refused(f'{owner} listens in place of {self.owner}')
        mine = secrets.token_hex()
        proof = _prove(self.secret, _CLIENT, nonce, mine)
        connection.sendall(f'{mine} {proof}'.encode() + lines.END)
        if not hmac.compare_digest(
                _receive(connection),
                _prove(self.secret, _ENGINE, nonce, mine)):
            raise Refused('the engine has another secret or release')


def set_up(connection: socket.socket) -> None:
    """Set the options of a TCP connection: no delays, and dead ones end."""
    for level, option, value in (
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_SECONDS)):
        connection.setsockopt(level, option, value)


def greet(connection: socket.socket, owner: str, secret: str | None) -> None:
    """Say the name of the engine, and let the client prove itself.

    :param secret: of the engine, ``None`` where no proof is needed.
    :raises Refused: the client does not belong to the service.
    """
    if secret is None:
        connection.sendall(owner.encode() + lines.END)
        return
    nonce = secrets.token_hex()
    connection.sendall(f'{owner} {nonce}'.encode() + lines.END)
    theirs, proof = _split(_receive(connection))
    if not hmac.compare_digest(
            proof, _prove(secret, _CLIENT, nonce, theirs)):
        raise Refused('the client has another secret or another release')
    connection.sendall(
        _prove(secret, _ENGINE, nonce, theirs).encode() + lines.END)


def _prove(secret: str, role: str, *nonces: str) -> str:
    """Return the proof of a side.

    Releases with other forms of messages never agree.
    """
    return hmac.new(secret.encode(), ' '.join(
        (role, forms.FORMAT, *nonces)).encode(), hashlib.sha256).hexdigest()


def _receive(connection: socket.socket) -> str:
    """Return a short message as text."""
    data = b''
    while not data.endswith(lines.END):
        received = connection.recv(MAX_BYTES - len(data))
        if not received or len(data) + len(received) >= MAX_BYTES:
            raise Refused('the other side does not speak the protocol')
        data += received
    try:
        return data.rstrip().decode('ascii')
    except UnicodeDecodeError:
        raise Refused('the other side does not speak the protocol')


def _split(text: str) -> tuple[str, str]:
    name, _, value = text.partition(' ')
    return name, value
