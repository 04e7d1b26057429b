# SPDX-License-Identifier: Apache-2.0
"""Plugin of OpenStackClient."""

import argparse
import sys
import typing

from osc_lib import utils

from qinling.client.commands import progress
from qinling.client import http
from qinling.client import v1

API_NAME = 'function_engine'
API_VERSION_OPTION = 'os_function_engine_api_version'
DEFAULT_API_VERSION = '1'
API_VERSIONS = {'1': 'qinling.client.v1.Client'}


def make_client(instance: typing.Any) -> v1.Client:
    """Return the Python client for the user of a client manager."""
    client_class = utils.get_client_class(
        API_NAME, instance._api_version[API_NAME], API_VERSIONS)
    url = instance.get_configuration().get('qinling_url')
    endpoint = url or instance.get_endpoint_for_service_type(
        http.SERVICE_TYPE, region_name=instance.region_name,
        interface=instance.interface)
    return client_class(
        endpoint, instance.session, interface=instance.interface,
        region_name=instance.region_name,
        indicator=progress.Spinner(sys.stderr))


def build_option_parser(
        parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the global options of the service."""
    parser.add_argument(
        '--os-function-engine-api-version',
        metavar='<function-engine-api-version>',
        default=utils.env('OS_FUNCTION_ENGINE_API_VERSION',
                          default=DEFAULT_API_VERSION),
        help='Version of the API of the function engine, default '
             f'{DEFAULT_API_VERSION} (Env: OS_FUNCTION_ENGINE_API_VERSION)')
    parser.add_argument(
        '--qinling-url', metavar='<url>',
        default=utils.env('QINLING_URL', default=None),
        help='URL of the function engine, in place of the endpoint in the '
             'catalog (Env: QINLING_URL)')
    return parser
