# SPDX-License-Identifier: Apache-2.0
"""What ``oslo-config-generator`` asks for, and defaults of ours for options
of libraries."""

from oslo_middleware import cors

from qinling import conf

ALLOWED = [
    'X-Auth-Token', 'X-Identity-Status', 'X-Roles', 'X-Service-Catalog',
    'X-User-Id', 'X-Tenant-Id', 'X-Project-Id', 'X-User-Name',
    'X-Project-Name', 'X-OpenStack-Request-ID', 'If-Match',
    'Idempotency-Key']
EXPOSED = [
    'X-Auth-Token', 'X-Subject-Token', 'X-Service-Token', 'X-Project-Id',
    'X-User-Name', 'X-Project-Name', 'X-OpenStack-Request-ID', 'ETag',
    'WWW-Authenticate', 'Retry-After']


def list_opts():
    """Every option group of the service."""
    return conf.groups()


def list_keystoneauth():
    """What keystoneauth1 adds to the groups with credentials."""
    from keystoneauth1 import loading
    credentials = [*loading.get_auth_common_conf_options(),
                   *loading.get_auth_plugin_conf_options('password')]
    sessions = loading.get_session_conf_options()
    return [('keystone', credentials + sessions),
            ('swift', credentials + sessions)]


def set_defaults():
    """Our defaults for ``[cors]``; the library keeps them itself."""
    cors.set_defaults(
        allow_methods=['GET', 'PUT', 'POST', 'DELETE', 'PATCH'],
        allow_headers=ALLOWED, expose_headers=EXPOSED)
