# SPDX-License-Identifier: Apache-2.0
"""Packages as objects of a bucket, on any server that speaks S3."""

import base64
import contextlib
import datetime
import urllib.parse

import certifi
import urllib3

from qinling import exception
from qinling.storage import base
from qinling.storage import spool

try:
    import minio
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        'The storage driver s3 needs minio; install it with '
        '"pip install qinling[s3]".', name='minio') from None
from minio import credentials
from minio import error

AMAZON = 'https://s3.amazonaws.com'
#: How long a signed URL is good for that is used at once.
SIGNED = datetime.timedelta(minutes=10)


class Driver(base.Storage):
    """Keeps each package as the object ``<prefix><key>``.

    An object comes to be with the end of its one request, so a broken one
    leaves nothing.  The client's own way to store is not used, since it
    keeps a whole part in memory or leaves parts behind.
    """

    def __init__(self, conf):
        self._bucket = conf.s3.bucket
        self._prefix = conf.s3.prefix
        self._http = _pool(conf.s3)
        self._s3 = _client(conf.s3, self._http)

    def put(self, stream):
        with spool.taken(stream) as (file, stored), _faults():
            url = self._s3.presigned_put_object(
                self._bucket, self._prefix + stored.key, SIGNED)
            answer = self._http.request('PUT', url, body=file, headers={
                'Content-Length': str(stored.size),
                'Content-MD5': base64.b64encode(
                    bytes.fromhex(stored.md5)).decode()})
            if answer.status != 200:
                raise exception.TemporaryError(
                    f'S3 refuses: HTTP {answer.status} '
                    f'{answer.data[:500].decode(errors="replace")}')
        return stored

    def open(self, key):
        with _faults(key):
            answer = self._s3.get_object(self._bucket, self._prefix + key)
            try:
                return spool.fetched(key, answer.stream(spool.PIECE))
            finally:
                answer.close()
                answer.release_conn()

    def delete(self, key):
        with contextlib.suppress(FileNotFoundError), _faults(key):
            self._s3.remove_object(self._bucket, self._prefix + key)

    def keys(self, older_than):
        # Servers round times up to the next second.
        limit = (datetime.datetime.now(datetime.timezone.utc)
                 - datetime.timedelta(seconds=older_than - 1))
        with _faults():
            for found in self._s3.list_objects(
                    self._bucket, self._prefix, recursive=True):
                if found.last_modified <= limit:
                    yield found.object_name.removeprefix(self._prefix)


def _pool(options):
    return urllib3.PoolManager(
        timeout=urllib3.Timeout(options.timeout), maxsize=10,
        retries=urllib3.Retry(
            options.attempts - 1, backoff_factor=0.2, redirect=0,
            status_forcelist=(500, 502, 503, 504)),
        cert_reqs='CERT_REQUIRED',
        ca_certs=options.ca_file or certifi.where())


def _client(options, http):
    url = urllib.parse.urlsplit(options.endpoint_url or AMAZON)
    if options.access_key:
        keys = credentials.StaticProvider(
            options.access_key, options.secret_key)
    else:
        keys = credentials.ChainedProvider([
            credentials.EnvAWSProvider(), credentials.AWSConfigProvider(),
            credentials.IamAwsProvider()])
    client = minio.Minio(
        url.netloc, secure=url.scheme == 'https', credentials=keys,
        region=options.region_name, http_client=http)
    if options.addressing_style == 'virtual':
        client.enable_virtual_style_endpoint()
    return client


@contextlib.contextmanager
def _faults(key=None):
    """What goes wrong, in the words of the contract."""
    try:
        yield
    except error.S3Error as e:
        if key and e.code == 'NoSuchKey':
            raise FileNotFoundError(key) from None
        raise exception.TemporaryError(f'S3 refuses: {e}') from e
    except (error.MinioException, urllib3.exceptions.HTTPError) as e:
        raise exception.TemporaryError(f'S3 does not answer: {e}') from e
