# SPDX-License-Identifier: Apache-2.0
"""Client of Swift, with the credentials of each call."""

from collections.abc import Iterator
import contextlib
import dataclasses
import typing
import urllib.parse

from keystoneauth1 import plugin as plugins
from oslo_config import cfg
import requests

from qinling import exception
from qinling.external import keystone

GROUP = 'swift'
CHUNK_BYTES = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class ObjectInfo:
    """Object: ``size`` in bytes, ``etag`` of the bytes."""

    etag: str
    size: int


class Swift:
    """Object store of the service catalog."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._session = keystone.create_session(conf, GROUP)
        self._filter = {'service_type': 'object-store',
                        'interface': conf.swift.interface,
                        'region_name': conf.swift.region_name}

    def build_url(self, auth: plugins.BaseAuthPlugin, container: str,
                  name: str | None = None) -> str:
        """Return the URL of a container or an object.

        :param auth: credentials of the account.
        :param name: name of the object.
        """
        with keystone.translate_errors('Swift'):
            account = self._session.get_endpoint(auth, **self._filter)
        if not account:
            raise exception.PermanentError(
                'Swift cannot be found: the catalog has no object-store.')
        names = [container] if name is None else [container, name]
        return '/'.join([account.rstrip('/')] + [
            urllib.parse.quote(part, safe='') for part in names])

    def head(self, auth: plugins.BaseAuthPlugin, url: str) -> ObjectInfo:
        """Return the description of an object.

        :raises FileNotFoundError: the object does not exist.
        """
        return _read_info(self._request('HEAD', auth, url))

    @contextlib.contextmanager
    def get(self, auth: plugins.BaseAuthPlugin, url: str,
            etag: str | None = None
            ) -> Iterator[tuple[ObjectInfo, Iterator[bytes]] | None]:
        """Yield the description and the chunks of an object.

        Yield ``None`` if the object still has the ``etag``.

        :raises FileNotFoundError: the object does not exist.
        """
        headers = {'If-None-Match': etag} if etag else {}
        answer = self._request('GET', auth, url, headers=headers,
                               stream=True)
        with contextlib.closing(answer):
            if answer.status_code == requests.codes.not_modified:
                yield None
            else:
                yield _read_info(answer), _read_chunks(answer)

    def put(self, auth: plugins.BaseAuthPlugin, url: str,
            file: typing.BinaryIO, md5: str | None = None) -> None:
        """Store a seekable file as an object, atomically.

        :raises FileNotFoundError: the container does not exist.
        """
        headers = {'ETag': md5} if md5 else {}
        file.seek(0)
        answer = self._send('PUT', auth, url, data=file, headers=headers)
        if answer.status_code == requests.codes.unauthorized:
            # A retry of keystoneauth would not rewind the file.
            self._session.invalidate(auth)
            file.seek(0)
            answer = self._send('PUT', auth, url, data=file,
                                headers=headers)
        _check(answer, url)

    def create_container(self, auth: plugins.BaseAuthPlugin, url: str
                         ) -> None:
        """Create a container, unless the container exists."""
        self._request('PUT', auth, url)

    def delete(self, auth: plugins.BaseAuthPlugin, url: str) -> None:
        """Delete an object.

        :raises FileNotFoundError: the object does not exist.
        """
        self._request('DELETE', auth, url)

    def list_objects(self, auth: plugins.BaseAuthPlugin, url: str
                     ) -> Iterator[dict[str, str]]:
        """Yield dicts with ``name`` and ``last_modified`` of the objects.

        :raises FileNotFoundError: the container does not exist.
        """
        marker = ''
        while True:
            page = self._request('GET', auth, url, params={
                'format': 'json', 'marker': marker}).json()
            if not page:
                return
            yield from page
            marker = page[-1]['name']

    def _request(self, method: str, auth: plugins.BaseAuthPlugin, url: str,
                 **kwargs: typing.Any) -> requests.Response:
        answer = self._send(method, auth, url, allow_reauth=True, **kwargs)
        return _check(answer, url)

    def _send(self, method: str, auth: plugins.BaseAuthPlugin, url: str,
              allow_reauth: bool = False, **kwargs: typing.Any
              ) -> requests.Response:
        with keystone.translate_errors('Swift'):
            return self._session.request(
                url, method, auth=auth, raise_exc=False, redirect=False,
                allow_reauth=allow_reauth, **kwargs)


def _read_info(answer: requests.Response) -> ObjectInfo:
    try:
        return ObjectInfo(answer.headers['ETag'].strip('"'),
                          int(answer.headers['Content-Length']))
    except (LookupError, ValueError):
        raise exception.PermanentError(
            'Swift sent neither ETag nor length of the object.')


def _read_chunks(answer: requests.Response) -> Iterator[bytes]:
    with keystone.translate_errors('Swift'):
        yield from answer.iter_content(CHUNK_BYTES)


def _check(answer: requests.Response, url: str) -> requests.Response:
    status = answer.status_code
    if 200 <= status < 300 or status == requests.codes.not_modified:
        return answer
    answer.close()
    if status == requests.codes.not_found:
        raise FileNotFoundError(url)
    raise keystone.create_error('Swift', status, answer.reason)
