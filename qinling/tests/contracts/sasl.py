# SPDX-License-Identifier: Apache-2.0
"""Login of Kafka in front of a broker without logins.

A server of SASL answers the requests of the login, after RFC 4616
(PLAIN) or RFC 5802 (SCRAM), and hands all other requests of a client to the
broker after the login.
"""

import base64
import contextlib
import hashlib
import hmac
import socket
import struct
import threading

from qinling.tests import databases

HANDSHAKE, API_VERSIONS, AUTHENTICATE = 17, 18, 36
WRONG_LOGIN, WRONG_MECHANISM = 58, 33
ITERATIONS = 4096
SALT = b'salt of a test'


def encode_text(text, form='>h'):
    """Return a text behind the length."""
    data = text.encode() if isinstance(text, str) else text
    return struct.pack(form, len(data)) + data


class Plain:
    """Login with the plain password."""

    is_complete = False

    def __init__(self, username, password):
        self._expected = [username.encode(), password.encode()]

    def answer(self, token):
        """Return the next token, ``None`` for a wrong password."""
        # The first part is the user to act as.
        self.is_complete = token.split(b'\0')[1:] == self._expected
        return b'' if self.is_complete else None


class Scram:
    """Login with a proof of the password."""

    is_complete = False

    def __init__(self, username, password, name='sha512'):
        self._username = username
        self._name = name
        self._salted = hashlib.pbkdf2_hmac(name, password.encode(), SALT,
                                           ITERATIONS)
        self._messages = []

    def _sign(self, key, data):
        return hmac.new(key, data, self._name).digest()

    def answer(self, token):
        """Return the next token, ``None`` for a wrong password."""
        return (self._finish(token) if self._messages
                else self._begin(token))

    def _begin(self, token):
        bare = token.removeprefix(b'n,,')
        fields = dict(part.split('=', 1) for part in bare.decode().split(','))
        if fields['n'] != self._username:
            return None
        first = (f'r={fields["r"]}-server,s='
                 f'{base64.b64encode(SALT).decode()},i={ITERATIONS}').encode()
        self._messages = [bare, first]
        return first

    def _finish(self, token):
        final, _, proof = token.rpartition(b',p=')
        signed = b','.join([*self._messages, final])
        key = self._sign(self._salted, b'Client Key')
        signature = self._sign(
            hashlib.new(self._name, key).digest(), signed)
        expected = bytes(a ^ b for a, b in zip(key, signature))
        if base64.b64decode(proof) != expected:
            return None
        self.is_complete = True
        server = self._sign(self._salted, b'Server Key')
        return b'v=' + base64.b64encode(self._sign(server, signed))


MECHANISMS = {
    'PLAIN': Plain, 'SCRAM-SHA-512': Scram,
    'SCRAM-SHA-256': lambda *login: Scram(*login, name='sha256')}


class Sasl(databases.Fixture):
    """Listener at ``port`` with a login, in front of a broker.

    ``logins`` counts the successful logins.
    """

    def __init__(self, port, target_port, mechanism, login):
        super().__init__()
        self.port = port
        self.target_port = target_port
        self._mechanism = mechanism
        self._login = login
        self.logins = 0

    def _setUp(self):
        self._listener = socket.create_server(('127.0.0.1', self.port))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.addCleanup(self._close)

    def _close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(databases.PATIENCE)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client):
        server = MECHANISMS[self._mechanism](*self._login)
        # The broker may not listen yet.
        with client, contextlib.suppress(OSError), socket.create_connection(
                ('127.0.0.1', self.target_port)) as broker:
            while request := read_frame(client):
                answer = self._answer(server, request, broker)
                if answer is None:
                    return
                client.sendall(encode_text(answer, '>i'))

    def _answer(self, server, request, broker):
        """Return the answer to a request, ``None`` at the end."""
        kind, _version, number = struct.unpack_from('>hhi', request)
        if kind == HANDSHAKE:
            return (struct.pack('>ihi', number, 0, 1)
                    + encode_text(self._mechanism))
        if kind == AUTHENTICATE:
            return self._authenticate(server, request, number)
        if kind != API_VERSIONS and not server.is_complete:
            return None
        broker.sendall(encode_text(request, '>i'))
        return read_frame(broker)

    def _authenticate(self, server, request, number):
        version, = struct.unpack_from('>h', request, 2)
        token, is_flexible = read_token(request, version)
        answer = server.answer(token)
        if server.is_complete:
            self.logins += 1
        code = 0 if answer is not None else WRONG_LOGIN
        head = struct.pack('>i', number) + b'\0' * is_flexible + struct.pack(
            '>h', code)
        if is_flexible:
            return (head + b'\0' + bytes([len(answer or b'') + 1])
                    + (answer or b'') + bytes(8) + b'\0')
        return head + struct.pack('>h', -1) + encode_text(
            answer or b'', '>i') + bytes(8 if version else 0)


def read_token(request, version):
    """Return the token of a login, and whether the form is flexible."""
    client_length, = struct.unpack_from('>h', request, 8)
    start = 10 + max(0, client_length)
    if version < 2:
        return request[start + 4:], False
    # Tags of the header, and the length of the token in one or two bytes.
    start += 2 if request[start + 1] < 128 else 3
    return request[start:-1], True


def read_frame(source):
    """Return the next message, ``b''`` at the end."""
    size, = struct.unpack('>i', read_bytes(source, 4) or bytes(4))
    return read_bytes(source, size)


def read_bytes(source, size):
    """Return a number of bytes, ``b''`` at the end."""
    data = b''
    while len(data) < size:
        try:
            part = source.recv(size - len(data))
        except OSError:
            return b''
        if not part:
            return b''
        data += part
    return data
