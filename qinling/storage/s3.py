# SPDX-License-Identifier: Apache-2.0
"""Packages as objects of a bucket, on any server that speaks S3."""

import base64
from collections.abc import Iterator
import contextlib
import datetime
import typing
import urllib.parse

import certifi
from oslo_config import cfg
import urllib3

from qinling import exception
from qinling.storage import base
from qinling.storage import spool

try:
    import minio
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        'The storage driver s3 needs minio; run "pip install \'.[s3]\'" in '
        'the checkout.', name='minio') from None
from minio import credentials
from minio import error

AMAZON = 'https://s3.amazonaws.com'
#: Life of a signed URL, used immediately.
SIGNATURE_LIFETIME = datetime.timedelta(minutes=10)


class Driver(base.Storage):
    """Storage in objects ``<prefix><key>``.

    The end of a request creates the object, so an interrupted request leaves
    no object.  The upload of the client library is not used, since it buffers
    whole parts in memory, or leaves parts behind.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._bucket = conf.s3.bucket
        self._prefix = conf.s3.prefix
        self._http = _create_pool(conf.s3)
        self._s3 = _create_client(conf.s3, self._http)

    def put(self, stream: typing.BinaryIO) -> base.StoredPackage:
        with spool.spool_upload(stream) as (file, package), \
                _translate_errors():
            url = self._s3.presigned_put_object(
                self._bucket, self._prefix + package.key, SIGNATURE_LIFETIME)
            answer = self._http.request('PUT', url, body=file, headers={
                'Content-Length': str(package.size),
                'Content-MD5': base64.b64encode(
                    bytes.fromhex(package.md5)).decode()})
            if answer.status != 200:
                raise exception.TemporaryError(
                    f'S3 refuses: HTTP {answer.status} '
                    f'{answer.data[:500].decode(errors="replace")}')
        return package

    def open(self, key: str) -> typing.BinaryIO:
        with _translate_errors(key):
            answer = self._s3.get_object(self._bucket, self._prefix + key)
            try:
                return spool.spool_download(
                    key, answer.stream(spool.CHUNK_BYTES))
            finally:
                answer.close()
                answer.release_conn()

    def delete(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError), _translate_errors(key):
            self._s3.remove_object(self._bucket, self._prefix + key)

    def list_keys(self, older_than: float) -> Iterator[str]:
        # Servers round times up to the next second.
        limit = (datetime.datetime.now(datetime.timezone.utc)
                 - datetime.timedelta(seconds=older_than - 1))
        with _translate_errors():
            for item in self._s3.list_objects(
                    self._bucket, self._prefix, recursive=True):
                if item.object_name and item.last_modified and (
                        item.last_modified <= limit):
                    yield item.object_name.removeprefix(self._prefix)


def _create_pool(options: cfg.ConfigOpts.GroupAttr) -> urllib3.PoolManager:
    return urllib3.PoolManager(
        timeout=urllib3.Timeout(options.timeout), maxsize=10,
        retries=urllib3.Retry(
            options.attempts - 1, backoff_factor=0.2, redirect=0,
            status_forcelist=(500, 502, 503, 504)),
        cert_reqs='CERT_REQUIRED',
        ca_certs=options.ca_file or certifi.where())


def _create_client(options: cfg.ConfigOpts.GroupAttr,
                   http: urllib3.PoolManager) -> minio.Minio:
    url = urllib.parse.urlsplit(options.endpoint_url or AMAZON)
    provider: credentials.Provider
    if options.access_key:
        provider = credentials.StaticProvider(
            options.access_key, options.secret_key)
    else:
        provider = credentials.ChainedProvider([
            credentials.EnvAWSProvider(), credentials.AWSConfigProvider(),
            credentials.IamAwsProvider()])
    client = minio.Minio(
        url.netloc, secure=url.scheme == 'https', credentials=provider,
        region=options.region_name, http_client=http)
    if options.addressing_style == 'virtual':
        client.enable_virtual_style_endpoint()
    return client


@contextlib.contextmanager
def _translate_errors(key: str | None = None) -> Iterator[None]:
    """Raise the exceptions of the contract instead of those of minio.

    :param key: key of an object whose absence is ``FileNotFoundError``.
    """
    try:
        yield
    except error.S3Error as e:
        if key and e.code == 'NoSuchKey':
            raise FileNotFoundError(key) from None
        raise exception.TemporaryError(f'S3 refuses: {e}') from e
    except (error.MinioException, urllib3.exceptions.HTTPError) as e:
        raise exception.TemporaryError(f'S3 does not answer: {e}') from e
