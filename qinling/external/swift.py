# SPDX-License-Identifier: Apache-2.0
"""Swift: objects, in whosever name they are asked for."""

import contextlib
import dataclasses
import urllib.parse

from qinling import exception
from qinling.external import keystone

GROUP = 'swift'
PIECE = 1024 * 1024
_NO_TOKEN = 401


@dataclasses.dataclass(frozen=True)
class Found:
    """An object: ``size`` in bytes, and ``etag``, which changes with its
    bytes."""

    etag: str
    size: int


class Swift:
    """Speaks to the object store that a catalog names."""

    def __init__(self, conf):
        self._session = keystone.session(conf, GROUP)
        self._filter = {'service_type': 'object-store',
                        'interface': conf.swift.interface,
                        'region_name': conf.swift.region_name}

    def url(self, auth, container, object=None):
        """The URL of a container or an object.

        :param auth: a keystoneauth plugin; its account is meant.
        """
        with keystone.faults('Swift'):
            account = self._session.get_endpoint(auth, **self._filter)
        if not account:
            raise exception.PermanentError(
                'Swift cannot be found: the catalog has no object-store.')
        names = [container] if object is None else [container, object]
        return '/'.join([account.rstrip('/')] + [
            urllib.parse.quote(name, safe='') for name in names])

    def head(self, auth, url):
        """What is known of an object.

        :raises FileNotFoundError: there is none.
        """
        return _found(self._request('HEAD', auth, url))

    @contextlib.contextmanager
    def get(self, auth, url, etag=None):
        """(:class:`Found`, its bytes in pieces) of an object; ``None`` for
        both if it still has the ``etag``.

        :raises FileNotFoundError: there is none.
        """
        headers = {'If-None-Match': etag} if etag else {}
        answer = self._request('GET', auth, url, headers=headers,
                               stream=True)
        with contextlib.closing(answer):
            if answer.status_code == 304:
                yield None, None
            else:
                yield _found(answer), _pieces(answer)

    def put(self, auth, url, file, md5=None):
        """Store a file as an object, whole or not at all.

        :raises FileNotFoundError: there is no such container.
        """
        headers = {'ETag': md5} if md5 else {}
        file.seek(0)
        answer = self._send('PUT', auth, url, data=file, headers=headers)
        if answer.status_code == _NO_TOKEN:
            # keystoneauth would go on reading where the file is.
            self._session.invalidate(auth)
            file.seek(0)
            answer = self._send('PUT', auth, url, data=file,
                                headers=headers)
        _check(answer, url)

    def create(self, auth, url):
        """Make a container, unless there is one."""
        self._request('PUT', auth, url)

    def delete(self, auth, url):
        """Delete an object.

        :raises FileNotFoundError: there is none.
        """
        self._request('DELETE', auth, url)

    def listing(self, auth, url):
        """What lies in a container, as dicts with ``name`` and
        ``last_modified``.

        :raises FileNotFoundError: there is no such container.
        """
        marker = ''
        while True:
            page = self._request('GET', auth, url, params={
                'format': 'json', 'marker': marker}).json()
            if not page:
                return
            yield from page
            marker = page[-1]['name']

    def _request(self, method, auth, url, **more):
        answer = self._send(method, auth, url, allow_reauth=True, **more)
        return _check(answer, url)

    def _send(self, method, auth, url, allow_reauth=False, **more):
        with keystone.faults('Swift'):
            return self._session.request(
                url, method, auth=auth, raise_exc=False, redirect=False,
                allow_reauth=allow_reauth, **more)


def _found(answer):
    try:
        return Found(answer.headers['ETag'].strip('"'),
                     int(answer.headers['Content-Length']))
    except (LookupError, ValueError):
        raise exception.PermanentError(
            'Swift tells neither ETag nor length of the object.')


def _pieces(answer):
    with keystone.faults('Swift'):
        yield from answer.iter_content(PIECE)


def _check(answer, url):
    status = answer.status_code
    if 200 <= status < 300 or status == 304:
        return answer
    answer.close()
    if status == 404:
        raise FileNotFoundError(url)
    raise keystone.refusal('Swift', status, answer.reason)
