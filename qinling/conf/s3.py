# SPDX-License-Identifier: Apache-2.0
"""Options of the storage driver ``s3``."""

from oslo_config import cfg

GROUP = 's3'
GROUP_HELP = 'The object store of the storage driver "s3".'

OPTS = [
    cfg.URIOpt(
        'endpoint_url', schemes=['http', 'https'],
        help='URL of the server, by default of Amazon S3.'),
    cfg.StrOpt(
        'region_name', default='us-east-1',
        help='Region in the signature of requests.'),
    cfg.StrOpt(
        'bucket', default='qinling',
        help='Existing bucket for the packages.'),
    cfg.StrOpt(
        'prefix', default='',
        help='Prefix of the names of objects, for a bucket with other '
             'objects; for instance "packages/".'),
    cfg.StrOpt(
        'access_key',
        help='Id of the access key. By default the usual places are '
             'searched: environment, ~/.aws, the role of the host.'),
    cfg.StrOpt(
        'secret_key', secret=True,
        help='Secret of the access key.'),
    cfg.StrOpt(
        'addressing_style', default='auto', choices=['auto', 'virtual'],
        help='Place of the bucket in the URL: "virtual" for the host name; '
             '"auto" for the path, or for the host name with Amazon S3.'),
    cfg.StrOpt(
        'ca_file',
        help='File with the certificates of the authorities for the '
             'certificate of the server, by default those of the system. '
             'Certificates are always verified.'),
    cfg.FloatOpt(
        'timeout', default=10, min=0.1,
        help='Seconds to wait for a connection, and for each read from the '
             'server.'),
    cfg.IntOpt(
        'attempts', default=3, min=1,
        help='Number of attempts of a request before the server counts as '
             'down.'),
]
