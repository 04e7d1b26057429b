# SPDX-License-Identifier: Apache-2.0
"""The Python client of version 1 of the API: one module for each noun.

Resources are dictionaries with what the server sent.  No output and no
command line here.
"""

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
    """Everything that the service offers::

        client = v1.Client('http://127.0.0.1:7070')
        for function in client.functions.list():
            print(function['name'])

    ``endpoint`` is the root of the service, without ``/v1``.  ``session`` is
    a session of keystoneauth1, which needs no ``endpoint`` when the catalog
    has one; ``region_name`` and ``interface`` choose among several.
    """

    def __init__(self, endpoint=None, session=None, **selection):
        session = session or http.plain_session(endpoint)
        transport = http.Transport(session, endpoint, **selection)
        self.runtimes = runtimes.Runtimes(transport)
        self.functions = functions.Functions(transport)
        self.versions = versions.Versions(transport)
        self.aliases = aliases.Aliases(transport)
        self.executions = executions.Executions(transport)
        self.jobs = jobs.Jobs(transport)
        self.webhooks = webhooks.Webhooks(transport)
        self.quotas = quotas.Quotas(transport)
