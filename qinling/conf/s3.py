# SPDX-License-Identifier: Apache-2.0
"""Options of the storage driver ``s3``."""

from oslo_config import cfg

GROUP = 's3'
GROUP_HELP = 'Where the storage driver "s3" keeps packages.'

OPTS = [
    cfg.URIOpt(
        'endpoint_url', schemes=['http', 'https'],
        help='URL of the server; that of Amazon S3 if it is not set.'),
    cfg.StrOpt(
        'region_name', default='us-east-1',
        help='Region that requests are signed for.'),
    cfg.StrOpt(
        'bucket', default='qinling',
        help='Bucket of the packages. It must exist.'),
    cfg.StrOpt(
        'prefix', default='',
        help='How the names of the objects begin, for a bucket that holds '
             'other things as well; for instance "packages/".'),
    cfg.StrOpt(
        'access_key',
        help='Id of the access key. If it is not set, the usual places are '
             'searched: environment, ~/.aws, the role of the machine.'),
    cfg.StrOpt(
        'secret_key', secret=True,
        help='Secret of the access key.'),
    cfg.StrOpt(
        'addressing_style', default='auto', choices=['auto', 'virtual'],
        help='Where the bucket is named: "virtual" for the host name; '
             '"auto" for the path of the URL, but with Amazon in the host '
             'name.'),
    cfg.StrOpt(
        'ca_file',
        help='File with the certificates of the authorities that may vouch '
             'for the server; those of the system if it is not set. '
             'Certificates are always checked.'),
    cfg.FloatOpt(
        'timeout', default=10, min=0.1,
        help='Seconds to wait for a connection, and for each sign of life '
             'of the server on it.'),
    cfg.IntOpt(
        'attempts', default=3, min=1,
        help='How often a request is sent before the server counts as '
             'down.'),
]
