# SPDX-License-Identifier: Apache-2.0
"""Errors of the client; the text of each is a sentence for users."""

from qinling import suggestions


LOGIN = (' Set OS_AUTH_TYPE=http_basic, OS_USERNAME and OS_PASSWORD; or for '
         'Keystone OS_CLOUD, or OS_AUTH_URL and so on.')
SERVER = (' Set QINLING_URL or --qinling-url to the URL of the server; '
          '"qinling doctor" checks the connection.')


class ClientError(Exception):
    """Failure to send a request, or to use the answer."""


class Unreachable(ClientError):
    """Failure to get an answer from the endpoint."""


class ForeignServer(Unreachable):
    """Answer of another service than Qinling."""


class NotUnique(ClientError):
    """Name that several resources share."""


class HttpError(ClientError):
    """Error answer of the server.

    :ivar status: HTTP status code.
    :ivar sentence: explanation of the server.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(f'{sentence} (HTTP {status})')
        self.status = status
        self.sentence = sentence


class Unauthorized(HttpError):
    """Request without a valid identity."""

    def __init__(self, sentence: str) -> None:
        super().__init__(401, sentence)


class NotFound(HttpError):
    """Resource that does not exist, or belongs to another project."""

    def __init__(self, sentence: str) -> None:
        super().__init__(404, sentence)


class NameNotFound(NotFound):
    """Name that no resource has.

    :ivar name: the name.
    :ivar names: names of the existing resources.
    """

    def __init__(self, sentence: str, name: str, names: list[str]) -> None:
        super().__init__(sentence)
        self.name = name
        self.names = names


#: Errors with advice in :func:`explain`.
ADVISED = (NameNotFound, Unauthorized, Unreachable)


def advise(error: ClientError) -> ClientError:
    """Return the error with what to do about the error."""
    kind = Unreachable if isinstance(error, Unreachable) else ClientError
    return kind(explain(error))


def describe_failure(error: Exception) -> str:
    """Return why a file cannot be read or written."""
    if isinstance(error, UnicodeDecodeError):
        return ('the content is not text in UTF-8; encode binary data as '
                'base64.')
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f'{error.filename}: {error.strerror}.'
    return str(error)


def explain(error: ClientError) -> str:
    """Return the sentence of an error, with what to do about the error."""
    hint = ''
    if isinstance(error, NameNotFound):
        hint = suggestions.suggest(error.names, error.name)
    elif isinstance(error, Unauthorized):
        hint = LOGIN
    elif isinstance(error, Unreachable):
        hint = SERVER
    stop = '' if str(error).endswith(('.', '?')) else '.'
    return f'{error}{stop}{hint}' if hint else str(error)
