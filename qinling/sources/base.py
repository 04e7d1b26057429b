# SPDX-License-Identifier: Apache-2.0
"""Contract of a code source."""

import abc
import typing

#: The field ``code`` of a function.
Code = dict[str, typing.Any]


class Source(abc.ABC):
    """Source of a kind of ``code``."""

    #: Functions run on the workers of a runtime.
    needs_runtime = True
    #: Versions can freeze the code.
    versioned = False
    #: The code has bytes to load and to download.
    has_package = True
    #: The bytes are part of the request.
    uploaded = False
    #: The engine fetches the bytes with the trust of the function.
    fetches = False
    #: The configuration allows new functions with the source.
    is_available = True

    @abc.abstractmethod
    def create(self, code: Code, upload: typing.BinaryIO | None,
               auth: typing.Any = None) -> tuple[Code, str | None]:
        """Check and store the code of a new function.

        :param code: ``code`` object of the user.
        :param upload: seekable file of the package.
        :param auth: keystoneauth plugin of the caller.
        :returns: (code object to record, key in the storage).
        :raises Invalid, TooLarge: the code is not valid.
        """

    @abc.abstractmethod
    def update(self, present: Code, code: Code | None,
               upload: typing.BinaryIO | None, auth: typing.Any = None
               ) -> tuple[Code, str | None] | None:
        """Check and store the new code of a function.

        :param present: recorded code object.
        :returns: like :meth:`create`; ``None`` for unchanged code.
        :raises Invalid, TooLarge: the code is not valid.
        """

    @abc.abstractmethod
    def open(self, code: Code, package: str | None, auth: typing.Any = None
             ) -> typing.BinaryIO:
        """Return a seekable stream of the package.

        :param code: recorded code object.
        :param package: key in the storage.
        :param auth: keystoneauth plugin of the caller, or of the trust of the
            function.
        :raises FileNotFoundError: the package does not exist any more.
        """
