# SPDX-License-Identifier: Apache-2.0
"""What can go wrong for a user; the text of each is a sentence for people."""


class ClientError(Exception):
    """The request could not be made, or its answer not be used."""


class Unreachable(ClientError):
    """Nobody answered at the endpoint."""


class NotUnique(ClientError):
    """Several things have the name that was given."""


class HttpError(ClientError):
    """The server refused; ``status`` is the HTTP code and ``sentence`` what
    it said."""

    def __init__(self, status, sentence):
        super().__init__(f'{sentence} (HTTP {status})')
        self.status = status
        self.sentence = sentence


class NotFound(HttpError):
    """There is no such thing, or it is in another project."""

    def __init__(self, sentence):
        super().__init__(404, sentence)
