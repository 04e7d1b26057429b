#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""Packages as objects of a bucket, on any server that speaks S3."""

import contextlib
import datetime

try:
    import boto3
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        'The storage driver s3 needs boto3; install it with '
        '"pip install qinling[s3]".', name='boto3') from None
from botocore import config
from botocore import exceptions

from qinling import exception
from qinling.storage import base
from qinling.storage import spool

#: What servers say of an object that is not there.
_UNKNOWN = ('NoSuchKey', '404')


class Driver(base.Storage):
    """Keeps each package as the object ``<prefix><key>``.

    An object comes to be with the end of its one request, so a broken one
    leaves nothing.
    """

    def __init__(self, conf):
        self._bucket = conf.s3.bucket
        self._prefix = conf.s3.prefix
        self._s3 = _client(conf.s3)

    def put(self, stream):
        with spool.taken(stream) as (file, stored), _faults():
            self._s3.put_object(
                Bucket=self._bucket, Key=self._prefix + stored.key,
                Body=file, ContentLength=stored.size,
                ContentType='application/zip')
        return stored

    def open(self, key):
        with _faults(key):
            answer = self._s3.get_object(
                Bucket=self._bucket, Key=self._prefix + key)
            with contextlib.closing(answer['Body']) as body:
                return spool.fetched(key, body.iter_chunks(spool.PIECE))

    def delete(self, key):
        with contextlib.suppress(FileNotFoundError), _faults(key):
            self._s3.delete_object(
                Bucket=self._bucket, Key=self._prefix + key)

    def keys(self, older_than):
        # Servers round times up to the next second.
        limit = (datetime.datetime.now(datetime.timezone.utc)
                 - datetime.timedelta(seconds=older_than - 1))
        pages = self._s3.get_paginator('list_objects_v2').paginate(
            Bucket=self._bucket, Prefix=self._prefix)
        with _faults():
            for page in pages:
                for found in page.get('Contents', ()):
                    if found['LastModified'] <= limit:
                        yield found['Key'].removeprefix(self._prefix)


def _client(options):
    return boto3.session.Session().client(
        's3', endpoint_url=options.endpoint_url,
        region_name=options.region_name,
        aws_access_key_id=options.access_key,
        aws_secret_access_key=options.secret_key,
        verify=options.ca_file or True,
        config=config.Config(
            connect_timeout=options.timeout, read_timeout=options.timeout,
            retries={'mode': 'standard',
                     'total_max_attempts': options.attempts},
            s3={'addressing_style': options.addressing_style},
            # Newer checksums are refused by most servers but Amazon's.
            request_checksum_calculation='when_required',
            response_checksum_validation='when_required'))


@contextlib.contextmanager
def _faults(key=None):
    """What goes wrong, in the words of the contract."""
    try:
        yield
    except exceptions.ClientError as e:
        if key and e.response['Error']['Code'] in _UNKNOWN:
            raise FileNotFoundError(key) from None
        raise exception.TemporaryError(f'S3 refuses: {e}') from e
    except exceptions.BotoCoreError as e:
        raise exception.TemporaryError(f'S3 does not answer: {e}') from e
