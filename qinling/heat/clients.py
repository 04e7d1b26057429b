# SPDX-License-Identifier: Apache-2.0
"""Client of Qinling in the context of a stack, and checks of names."""

from heat.engine.clients import client_plugin
from heat.engine import constraints

from qinling.client import exceptions
from qinling.client import http
from qinling.client import v1

CLIENT_NAME = 'qinling'


class ClientPlugin(client_plugin.ClientPlugin):
    """Client with the session and the catalog of the owner of the stack."""

    exceptions_module = exceptions
    service_types = [http.SERVICE_TYPE]

    def _create(self, version: str | None = None) -> v1.Client:
        interface = self._get_client_option(CLIENT_NAME, 'endpoint_type')
        url = self.url_for(service_type=http.SERVICE_TYPE,
                           endpoint_type=interface)
        return v1.Client(url, self.context.keystone_session)

    def is_not_found(self, ex: BaseException) -> bool:
        """Return whether an error says that a resource does not exist."""
        return isinstance(ex, exceptions.NotFound)

    def is_conflict(self, ex: BaseException) -> bool:
        """Return whether a request may succeed later."""
        return isinstance(ex, exceptions.HttpError) and ex.status == 409

    def is_over_limit(self, ex: BaseException) -> bool:
        """Return whether a request was too large, or one too many."""
        return isinstance(ex, exceptions.HttpError) and (
            ex.status in (413, 429))

    def find_function(self, reference: str) -> str:
        """Return the id of a function, for an id or a name."""
        return self.client().functions.find_id(reference)

    def find_runtime(self, reference: str) -> str:
        """Return the id of a runtime, for an id or a name."""
        return self.client().runtimes.find_id(reference)


class FunctionConstraint(constraints.BaseCustomConstraint):
    """Id or name of an existing function."""

    resource_client_name = CLIENT_NAME
    resource_getter_name = 'find_function'
    expected_exceptions = (exceptions.ClientError,)


class RuntimeConstraint(constraints.BaseCustomConstraint):
    """Id or name of an existing runtime."""

    resource_client_name = CLIENT_NAME
    resource_getter_name = 'find_runtime'
    expected_exceptions = (exceptions.ClientError,)
