# SPDX-License-Identifier: Apache-2.0
"""The contract of a code source."""

import abc


class Source(abc.ABC):
    """One kind of ``code``."""

    #: Whether functions of this kind run on a runtime's workers.
    needs_runtime = True
    #: Whether the code can be frozen as a version.
    versioned = False
    #: Whether there are bytes to load and to download.
    has_package = True
    #: Whether they come with the request.
    uploaded = False
    #: Whether they are fetched in the name of the function's owner.
    fetches = False

    @abc.abstractmethod
    def create(self, code, upload, auth=None):
        """Check the code of a new function and keep it.

        :param code: the ``code`` object that the user sent.
        :param upload: a seekable binary file, or ``None``.
        :param auth: the keystoneauth plugin of the caller, or ``None``.
        :returns: (the code object to store, storage key or ``None``).
        :raises Invalid, TooLarge: what is wrong with it.
        """

    @abc.abstractmethod
    def update(self, present, code, upload, auth=None):
        """The same for a function that exists.

        :param present: its stored code object.
        :param code: what the user sent, or ``None``.
        :returns: as :meth:`create`; ``None`` when the code stays as it is.
        """

    @abc.abstractmethod
    def open(self, code, package, auth=None):
        """A binary stream of the package bytes, which can be sought.

        :param auth: the keystoneauth plugin of the caller, or of the trust
            of the function.

        :raises FileNotFoundError: they are gone.
        """
