# SPDX-License-Identifier: Apache-2.0
"""Entry points of ``oslo-config-generator``, and defaults for libraries."""

from oslo_config import cfg
from oslo_middleware import cors

from qinling import conf

ALLOWED_HEADERS = [
    'X-Auth-Token', 'X-Identity-Status', 'X-Roles', 'X-Service-Catalog',
    'X-User-Id', 'X-Tenant-Id', 'X-Project-Id', 'X-User-Name',
    'X-Project-Name', 'X-OpenStack-Request-ID', 'If-Match',
    'Idempotency-Key']
EXPOSED_HEADERS = [
    'X-Auth-Token', 'X-Subject-Token', 'X-Service-Token', 'X-Project-Id',
    'X-User-Name', 'X-Project-Name', 'X-OpenStack-Request-ID', 'ETag',
    'WWW-Authenticate', 'Retry-After', 'RateLimit', 'RateLimit-Policy']


def list_opts() -> list[tuple[cfg.OptGroup | None, list[cfg.Opt]]]:
    """Return every option group of the service."""
    return conf.groups()


def list_keystoneauth() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options of keystoneauth1 by group with credentials."""
    from keystoneauth1 import loading
    credentials = [*loading.get_auth_common_conf_options(),
                   *loading.get_auth_plugin_conf_options('password')]
    sessions = loading.get_session_conf_options()
    return [('keystone', credentials + sessions),
            ('swift', credentials + sessions)]


def set_defaults() -> None:
    """Set the defaults of ``[cors]``, which the library stores."""
    cors.set_defaults(
        allow_methods=['GET', 'PUT', 'POST', 'DELETE', 'PATCH'],
        allow_headers=ALLOWED_HEADERS, expose_headers=EXPOSED_HEADERS)
