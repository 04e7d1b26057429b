# SPDX-License-Identifier: Apache-2.0
"""Python client of version 1 of the API: one module for each noun.

Resources are dictionaries of the fields in the answer.  Output and command
line belong to ``qinling.client.commands``.
"""

from __future__ import annotations

from collections.abc import Callable
from email import utils
import time
import typing

from qinling.client import exceptions
from qinling.client import http
from qinling.client.v1 import aliases
from qinling.client.v1 import budgets
from qinling.client.v1 import dead_letters
from qinling.client.v1 import deliveries
from qinling.client.v1 import event_sources
from qinling.client.v1 import executions
from qinling.client.v1 import explanations
from qinling.client.v1 import failures
from qinling.client.v1 import functions
from qinling.client.v1 import jobs
from qinling.client.v1 import operations
from qinling.client.v1 import quotas
from qinling.client.v1 import rollouts
from qinling.client.v1 import runtimes
from qinling.client.v1 import stats
from qinling.client.v1 import versions
from qinling.client.v1 import webhooks

if typing.TYPE_CHECKING:
    from keystoneauth1 import session as sessions


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
    :param sender: replaces all parameters above.
    :param indicator: shown during requests and waits.
    """

    def __init__(self, endpoint: str | None = None,
                 session: sessions.Session | None = None,
                 region_name: str | None = None,
                 interface: str | list[str] | None = None,
                 sender: http.Sender | None = None,
                 indicator: http.Indicator | None = None) -> None:
        self._sender = sender or _create_sender(
            endpoint, session, region_name, interface)
        self.indicator = indicator or http.Indicator()
        self._transport = transport = http.Transport(
            self._sender, self.indicator)
        self.runtimes = runtimes.Runtimes(transport)
        self.functions = functions.Functions(transport)
        self.versions = versions.Versions(transport)
        self.aliases = aliases.Aliases(transport)
        self.rollouts = rollouts.Rollouts(transport)
        self.executions = executions.Executions(transport)
        self.failures = failures.Failures(transport)
        self.operations = operations.Operations(transport)
        self.jobs = jobs.Jobs(transport)
        self.webhooks = webhooks.Webhooks(transport)
        self.deliveries = deliveries.Deliveries(transport)
        self.event_sources = event_sources.EventSources(transport)
        self.dead_letters = dead_letters.DeadLetters(transport)
        self.quotas = quotas.Quotas(transport)
        self.budgets = budgets.Budgets(transport)
        self.stats = stats.Stats(transport)

    def openapi(self) -> dict[str, typing.Any]:
        """Return the description of the API in OpenAPI 3.1."""
        document: dict[str, typing.Any] = http.read_json(
            self._transport.request('GET', '/v1/openapi.json'))
        return document

    def ping(self, timeout: float = http.READ_SECONDS
             ) -> tuple[float, float | None]:
        """Return the seconds of a request, and the lead of the other clock.

        The lead, in seconds, is that of the server before this machine;
        ``None`` if a proxy hides the time.

        :param timeout: seconds to wait for the next bytes.
        :raises ForeignServer: if another service than Qinling answers.
        """
        # The first request opens the connection.
        _check_root(self._transport.request('GET', '/', timeout=timeout))
        before = time.time()
        response = self._transport.request('GET', '/', timeout=timeout)
        seconds = time.time() - before
        try:
            date = utils.parsedate_to_datetime(response.headers['Date'])
        except (KeyError, TypeError, ValueError):
            return seconds, None
        # The header has whole seconds.
        return seconds, date.timestamp() + 0.5 - before - seconds / 2

    def explain(self, action: Callable[[Client], object]
                ) -> dict[str, typing.Any]:
        """Return what the first change of an action would do::

            client.explain(lambda client: client.jobs.create(
                function_alias='prod', pattern='@daily'))

        :param action: gets a client that changes and runs nothing.
        :returns: ``allowed``, ``refusal``, ``effects`` and ``targets``.
        :raises ClientError: the action changes nothing.
        """
        try:
            action(Client(sender=explanations.ExplainingSender(self._sender)))
        except explanations.Explained as e:
            return e.explanation
        raise exceptions.ClientError('There is nothing to explain.')


def _check_root(response: http.Response) -> None:
    """Raise ``ForeignServer`` if an answer is no list of versions."""
    document = http.read_json(response)
    if not isinstance(document, dict) or 'versions' not in document:
        raise exceptions.ForeignServer(
            'The answer is not the one of a Qinling server.')


def _create_sender(endpoint: str | None, session: sessions.Session | None,
                   region_name: str | None,
                   interface: str | list[str] | None) -> http.Sender:
    if session is not None:
        # Only users of a session need keystoneauth1.
        from qinling.client import keystone

        return keystone.Sender(session, endpoint, region_name, interface)
    if not endpoint:
        raise exceptions.ClientError(
            'The client needs the endpoint of the server, or a session.')
    from qinling.client import direct

    return direct.Sender(endpoint)
