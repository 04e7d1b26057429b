# SPDX-License-Identifier: Apache-2.0
"""Requests without Keystone, over urllib3 alone.

keystoneauth1 and requests take more time to import than most commands take
to run, and a server without Keystone needs neither.
"""

from __future__ import annotations

from collections.abc import Iterator
import functools
import json
import logging
import os
import typing
import urllib.parse

import urllib3

from qinling.client import exceptions
from qinling.client import http

LOG = logging.getLogger(__name__)
#: No repetition: the server may have acted on a request without answer.
RETRIES = urllib3.Retry(None, connect=0, read=0, redirect=5, status=0, other=0,
                        raise_on_redirect=False)


class Answer:
    """Answer in the form of :class:`http.Response`."""

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str) -> None:
        self._response, self._url = response, url
        self.status_code = response.status
        self.reason = response.reason
        self.headers = response.headers

    @property
    def content(self) -> bytes:
        """Return the bytes of the body."""
        return self._response.data

    @property
    def text(self) -> str:
        """Return the text of the body."""
        return self.content.decode('utf-8', 'replace')

    def json(self) -> typing.Any:
        """Return the decoded body."""
        return json.loads(self.content)

    def iter_content(self, size: int) -> Iterator[bytes]:
        """Yield the body in chunks."""
        try:
            yield from self._response.stream(size)
        except (urllib3.exceptions.HTTPError, OSError) as e:
            raise exceptions.Unreachable(
                http.describe_silence(e, self._url))


class Sender:
    """Sender of requests to a server without Keystone.

    :param endpoint: root of the service; may contain a user and a password.
    :param verify: whether to verify the certificate of the server, or the
        path of a file with certificates.
    :param login: user and password of HTTP Basic.
    """

    def __init__(self, endpoint: str, verify: bool | str = True,
                 login: tuple[str, str] | None = None) -> None:
        url = urllib3.util.parse_url(endpoint)
        if url.auth and not login:
            user, _, password = url.auth.partition(':')
            login = (urllib.parse.unquote(user),
                     urllib.parse.unquote(password))
        # Errors show the endpoint.
        self.endpoint = http.strip_version(
            endpoint.replace(f'{url.auth}@', '', 1))
        self.verify = verify
        self.headers = {'User-Agent': 'qinling', 'Accept': '*/*',
                        'Accept-Encoding': 'gzip, deflate'}
        if login:
            self.headers.update(urllib3.make_headers(
                basic_auth=':'.join(login)))

    @functools.cached_property
    def _pool(self) -> urllib3.PoolManager:
        if not self.endpoint.startswith('https:'):
            return urllib3.PoolManager()
        if self.verify is False:
            urllib3.disable_warnings()
            return urllib3.PoolManager(cert_reqs='CERT_NONE')
        return urllib3.PoolManager(
            ca_certs=find_certificates(self.verify))

    def send(self, method: str, path: str, **options: typing.Any) -> Answer:
        """Return the answer to a request; see :class:`http.Sender`."""
        url = self.endpoint + path
        if '://' not in url:
            raise exceptions.ClientError(
                f'Invalid URL {self.endpoint!r}: No scheme supplied. Write '
                f'http://{self.endpoint}.')
        query = options.get('params')
        target = url
        if query:
            target += f'?{urllib.parse.urlencode(query, doseq=True)}'
        body, headers = _encode_body(options)
        headers = {**self.headers, **headers}
        log = options.get('log', True)
        _log_request(method, target, body if log else None)
        try:
            answer = Answer(self._pool.request(
                method, target, body=body, headers=headers, retries=RETRIES,
                timeout=_build_timeout(options.get('timeout')),
                preload_content=not options.get('stream')), url)
        except (urllib3.exceptions.HTTPError, OSError) as e:
            raise exceptions.Unreachable(http.describe_silence(e, url))
        LOG.debug('RESP: [%d]%s', answer.status_code,
                  f' {answer.text}' if log and not options.get('stream')
                  else '')
        return answer


def find_certificates(verify: bool | str) -> str:
    """Return the path of the certificates that verify servers."""
    if isinstance(verify, str):
        return verify
    path = os.environ.get('REQUESTS_CA_BUNDLE')
    if not path:
        # Only a server with TLS needs the file.
        import certifi

        path = certifi.where()
    return path


def _build_timeout(seconds: float | None) -> urllib3.Timeout:
    """Return the limits of a request.

    :param seconds: to wait for the next bytes; without limit if ``None``.
    """
    connect = http.CONNECT_SECONDS if seconds is None else min(
        http.CONNECT_SECONDS, seconds)
    return urllib3.Timeout(connect=connect, read=seconds)


def _encode_body(options: dict[str, typing.Any]
                 ) -> tuple[typing.Any, dict[str, str]]:
    """Return the body of a request, and its headers."""
    headers = dict(options.get('headers') or {})
    if options.get('json') is not None:
        headers.setdefault('Content-Type', 'application/json')
        return json.dumps(options['json']).encode(), headers
    body = options.get('data')
    if isinstance(body, dict):
        headers.setdefault('Content-Type',
                           'application/x-www-form-urlencoded')
        return urllib.parse.urlencode(body).encode(), headers
    if body is not None and not isinstance(body, bytes):
        headers['Content-Length'] = str(len(body))
    return body, headers


def _log_request(method: str, url: str, body: typing.Any) -> None:
    if LOG.isEnabledFor(logging.DEBUG):
        data = body if isinstance(body, bytes) else b''
        text = data.decode('utf-8', 'replace')
        text = f" -d '{text}'" if text else ''
        LOG.debug('REQ: curl -X %s %s%s', method, url, text)
