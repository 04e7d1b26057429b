# SPDX-License-Identifier: Apache-2.0
"""Packages as objects of a Swift container."""

import contextlib
import datetime

from qinling import exception
from qinling.external import keystone
from qinling.external import swift
from qinling.storage import base
from qinling.storage import spool


class Driver(base.Storage):
    """Keeps each package as the object ``<key>`` of one container, in the
    project of the service.

    An object comes to be with the end of its one request, so a broken one
    leaves nothing.
    """

    def __init__(self, conf):
        self._container = conf.swift.container
        self._auth = keystone.credentials(conf, swift.GROUP)
        self._swift = swift.Swift(conf)

    def put(self, stream):
        with spool.taken(stream) as (file, stored), _refused():
            url = self._url(stored.key)
            try:
                self._swift.put(self._auth, url, file, stored.md5)
            except FileNotFoundError:
                self._swift.create(self._auth, self._url())
                self._swift.put(self._auth, url, file, stored.md5)
        return stored

    def open(self, key):
        with _refused(), self._swift.get(
                self._auth, self._url(key)) as (_found, pieces):
            return spool.fetched(key, pieces)

    def delete(self, key):
        with contextlib.suppress(FileNotFoundError), _refused():
            self._swift.delete(self._auth, self._url(key))

    def keys(self, older_than):
        limit = (datetime.datetime.now(datetime.timezone.utc)
                 - datetime.timedelta(seconds=older_than))
        with contextlib.suppress(FileNotFoundError), _refused():
            for found in self._swift.listing(self._auth, self._url()):
                if _time(found['last_modified']) <= limit:
                    yield found['name']

    def _url(self, key=None):
        return self._swift.url(self._auth, self._container, key)


def _time(text):
    """Swift tells UTC without saying so."""
    return datetime.datetime.fromisoformat(text).replace(
        tzinfo=datetime.timezone.utc)


@contextlib.contextmanager
def _refused():
    """An operator can mend what Swift refuses to the service."""
    try:
        yield
    except exception.PermanentError as e:
        raise exception.TemporaryError(str(e)) from e
