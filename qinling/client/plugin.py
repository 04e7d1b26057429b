# SPDX-License-Identifier: Apache-2.0
"""The plugin of OpenStackClient."""

from osc_lib import utils

API_NAME = 'function_engine'
API_VERSION_OPTION = 'os_function_engine_api_version'
DEFAULT_API_VERSION = '1'
API_VERSIONS = {'1': 'qinling.client.v1.Client'}


def make_client(instance):
    """The Python client, with what OpenStackClient knows of the user."""
    make = utils.get_client_class(
        API_NAME, instance._api_version[API_NAME], API_VERSIONS)
    url = instance.get_configuration().get('qinling_url')
    endpoint = url or instance.get_endpoint_for_service_type(
        'function-engine', region_name=instance.region_name,
        interface=instance.interface)
    return make(endpoint, instance.session, interface=instance.interface,
                region_name=instance.region_name)


def build_option_parser(parser):
    """Add the global options of this service."""
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
        help='Where the function engine is, instead of what the catalog says '
             '(Env: QINLING_URL)')
    return parser
