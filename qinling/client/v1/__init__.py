# SPDX-License-Identifier: Apache-2.0
"""Python client of version 1 of the API: one module for each noun.

Resources are dictionaries of the fields in the answer.  Output and command
line belong to ``qinling.client.commands``.
"""

from keystoneauth1 import session as sessions

from qinling.client import http
from qinling.client.v1 import aliases
from qinling.client.v1 import executions
from qinling.client.v1 import functions
from qinling.client.v1 import jobs
from qinling.client.v1 import quotas
from qinling.client.v1 import runtimes
from qinling.client.v1 import versions
from qinling.client.v1 import webhooks


class Client:
    """Client of the whole API::

        client = v1.Client('http://127.0.0.1:7070')
        for function in client.functions.list():
            print(function['name'])

    :param endpoint: root of the service, without ``/v1``.
    :param session: session of keystoneauth1; needs no ``endpoint`` if the
        catalog contains the service.
    :param region_name: region of the catalog entry.
    :param interface: interface of the catalog entry.
    """

    def __init__(self, endpoint: str | None = None,
                 session: sessions.Session | None = None,
                 region_name: str | None = None,
                 interface: str | list[str] | None = None) -> None:
        session = session or http.create_session(endpoint)
        transport = http.Transport(
            session, endpoint, region_name, interface)
        self.runtimes = runtimes.Runtimes(transport)
        self.functions = functions.Functions(transport)
        self.versions = versions.Versions(transport)
        self.aliases = aliases.Aliases(transport)
        self.executions = executions.Executions(transport)
        self.jobs = jobs.Jobs(transport)
        self.webhooks = webhooks.Webhooks(transport)
        self.quotas = quotas.Quotas(transport)
