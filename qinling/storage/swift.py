# SPDX-License-Identifier: Apache-2.0
"""Packages as objects of a Swift container."""

from collections.abc import Iterator
import contextlib
import datetime
import typing

from oslo_config import cfg

from qinling import exception
from qinling.external import keystone
from qinling.external import swift
from qinling.storage import base
from qinling.storage import spool


class Driver(base.Storage):
    """Storage in objects ``<key>`` of a container of the service's project.

    The end of a request creates the object, so an interrupted request leaves
    no object.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._container = conf.swift.container
        self._auth = keystone.load_credentials(conf, swift.GROUP)
        self._swift = swift.Swift(conf)

    def put(self, stream: typing.BinaryIO) -> base.StoredPackage:
        with spool.spool_upload(stream) as (file, package), \
                _translate_errors():
            url = self._url(package.key)
            try:
                self._swift.put(self._auth, url, file, package.md5)
            except FileNotFoundError:
                self._swift.create_container(self._auth, self._url())
                self._swift.put(self._auth, url, file, package.md5)
        return package

    def open(self, key: str) -> typing.BinaryIO:
        with _translate_errors(), self._swift.get(
                self._auth, self._url(key)) as answer:
            _info, chunks = answer or (None, ())
            return spool.spool_download(key, chunks)

    def delete(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError), _translate_errors():
            self._swift.delete(self._auth, self._url(key))

    def list_keys(self, older_than: float) -> Iterator[str]:
        limit = (datetime.datetime.now(datetime.timezone.utc)
                 - datetime.timedelta(seconds=older_than))
        with contextlib.suppress(FileNotFoundError), _translate_errors():
            for item in self._swift.list_objects(self._auth, self._url()):
                if _parse_time(item['last_modified']) <= limit:
                    yield item['name']

    def _url(self, key: str | None = None) -> str:
        return self._swift.build_url(self._auth, self._container, key)


def _parse_time(text: str) -> datetime.datetime:
    """Return a time of Swift, which is UTC without a time zone."""
    return datetime.datetime.fromisoformat(text).replace(
        tzinfo=datetime.timezone.utc)


@contextlib.contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise permanent errors as temporary errors: operators can repair Swift.
    """
    try:
        yield
    except exception.PermanentError as e:
        raise exception.TemporaryError(str(e)) from e
