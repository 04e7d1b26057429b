# SPDX-License-Identifier: Apache-2.0
"""Qinling in openstacksdk: ``conn.function_engine``.

Either call :func:`add_to`, or write in ``clouds.yaml`` for a cloud::

    vendor_hook: qinling.client.sdk:add_to
"""

from openstack import connection
from openstack import service_description

from qinling.client import http
from qinling.client.sdk import proxy


def add_to(conn: connection.Connection) -> None:
    """Give a connection the attribute ``function_engine``."""
    conn.add_service(service_description.ServiceDescription(
        http.SERVICE_TYPE, {'1': proxy.Proxy}))
