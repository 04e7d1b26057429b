# SPDX-License-Identifier: Apache-2.0
"""Servers in the file clouds.yaml."""

import argparse

from keystoneauth1 import exceptions as errors
from openstack import config
from openstack import exceptions as cloud

from qinling.client import exceptions
from qinling.client import http
from qinling.client import keystone


def create_sender(options: argparse.Namespace) -> keystone.Sender:
    """Return a sender for the cloud in the options of the shell.

    :raises ClientError: if the file does not suffice to authenticate.
    """
    try:
        region = config.OpenStackConfig().get_one(
            cloud=options.os_cloud, region_name=options.os_region_name)
        session = region.get_session()
    except (cloud.ConfigException, errors.ClientException) as e:
        raise exceptions.ClientError(str(e))
    return keystone.Sender(
        session, options.qinling_url or region.get_endpoint(
            http.SERVICE_TYPE),
        region_name=region.get_region_name(http.SERVICE_TYPE),
        interface=region.get_interface(http.SERVICE_TYPE))
