# SPDX-License-Identifier: Apache-2.0
"""Connection to the API server.

Answers are plain dicts, as sent by the server: readers do not depend on the
release of the client, and watches of many pods stay cheap.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import json
import logging
import threading
import typing

from kubernetes import client
from kubernetes import config
from oslo_config import cfg
import urllib3

from qinling import exception
from qinling.orchestrators.kubernetes import outages

LOG = logging.getLogger(__name__)

NOT_FOUND, CONFLICT, GONE = 404, 409, 410
CONNECT_TIMEOUT_SECONDS = 5
PROMPT_SECONDS = 5        # for an answer that an execution waits for
PROBE_SECONDS = 2
MAX_DELAY_SECONDS = 10    # between retries, despite Retry-After
OVERLOADED = (429, 500, 502, 503, 504)
UNREADY = (401, 403)      # also while the server starts
# Grace period of a deletion.  With 0, the object vanishes at once, and with it
# the policies, while the program runs on for the grace period of the pod.
RELEASE_SECONDS = 1
MERGE_PATCH = 'application/merge-patch+json'

#: Object of the API server.
Resource = dict[str, typing.Any]


class Rejected(Exception):
    """Error of the API server: HTTP ``status``, ``reason`` in a word.

    After a ``temporary`` error, another try may help.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        # Such as two pods that are created at once in a quota; the reason
        # of a name that exists is another one.
        self.temporary = status in OVERLOADED or reason == 'Conflict'


class Unreachable(Exception):
    """The API server does not answer."""


class Api:
    """Calls of an API server.

    ``core``, ``apps``, ``policy``, ``networking`` and ``authorization`` are
    arguments for :meth:`call`, and retry calls of an overloaded server, or of
    one that is away for a moment.  ``prompt``, ``prompt_apps`` and
    ``coordination`` are without these retries.

    :param options: the configuration group ``kubernetes``.
    :param changed: condition to notify of the begin of an outage.
    :raises PermanentError: the options do not identify a cluster.
    """

    def __init__(self, options: cfg.ConfigOpts.GroupAttr,
                 changed: threading.Condition) -> None:
        self.namespace: str = options.namespace
        self.outages = outages.Outages(changed, self)
        self._timeout = (CONNECT_TIMEOUT_SECONDS, options.request_timeout)
        self._prompt_timeout = (PROBE_SECONDS, min(
            PROMPT_SECONDS, options.request_timeout))
        # Retries are safe: every change has a name or a resourceVersion.
        self.configuration = _create_configuration(options, urllib3.Retry(
            total=5, backoff_factor=0.2, backoff_max=MAX_DELAY_SECONDS,
            retry_after_max=MAX_DELAY_SECONDS, status_forcelist=OVERLOADED,
            allowed_methods=None, raise_on_status=False))
        prompt = _create_configuration(options, urllib3.Retry(
            total=2, connect=0, status=0, allowed_methods=None,
            raise_on_status=False,
            respect_retry_after_header=False))
        self._clients = [client.ApiClient(configuration)
                         for configuration in (self.configuration, prompt)]
        patient_client, prompt_client = self._clients
        self.core = client.CoreV1Api(patient_client)
        self.apps = client.AppsV1Api(patient_client)
        self.policy = client.PolicyV1Api(patient_client)
        self.networking = client.NetworkingV1Api(patient_client)
        self.authorization = client.AuthorizationV1Api(patient_client)
        self._prompt_client = prompt_client
        self.coordination = client.CoordinationV1Api(prompt_client)
        self.prompt = client.CoreV1Api(prompt_client)
        self.prompt_apps = client.AppsV1Api(prompt_client)

    def call(self, function: Callable[..., typing.Any], *args: typing.Any,
             **kwargs: typing.Any) -> Resource:
        """Return the decoded answer of a call.

        :raises Rejected: the server answered with an error.
        :raises Unreachable: the server did not answer.
        """
        return json.loads(self.read(function, *args, **kwargs))

    def read(self, function: Callable[..., typing.Any], *args: typing.Any,
             **kwargs: typing.Any) -> bytes:
        """Return the bytes of an answer.

        :raises Rejected, Unreachable: see :meth:`call`.
        """
        is_prompt = (getattr(function, '__self__', None)
                     in (self.prompt, self.coordination))
        kwargs.setdefault('_request_timeout', self._prompt_timeout
                          if is_prompt else self._timeout)
        with self.open(function, *args, **kwargs) as response:
            try:
                return response.data
            except urllib3.exceptions.HTTPError as e:
                self.outages.begin(e)
                raise Unreachable(str(e)) from e

    @contextlib.contextmanager
    def open(self, function: Callable[..., typing.Any], *args: typing.Any,
             **kwargs: typing.Any) -> Iterator[urllib3.HTTPResponse]:
        """Yield an unread response.

        :raises Rejected, Unreachable: see :meth:`call`.
        """
        try:
            response = function(*args, _preload_content=False, **kwargs)
        except (urllib3.exceptions.HTTPError, OSError) as e:
            self.outages.begin(e)
            raise Unreachable(str(e)) from e
        except client.ApiException as e:
            if not e.status:
                self.outages.begin(e)
                raise Unreachable(str(e.reason)) from e
            raise self._reject(e.status, e.reason, e.body) from e
        self.outages.end()
        response = getattr(response, 'response', response)
        try:
            if response.status >= 400:
                raise self._reject(response.status, response.reason,
                                   response.data)
            yield response
        finally:
            response.release_conn()

    def _reject(self, status: int, reason: str, body: typing.Any
                ) -> Rejected:
        error = _create_error(status, reason, body)
        if status in UNREADY and self.outages.is_recovering:
            error.temporary = True
        return error

    def check(self, seconds: float = 0) -> None:
        """Return if the server answers, as far as known.

        :param seconds: time to wait for the end of an outage.
        :raises Unreachable: there is an outage.
        """
        if not self.outages.wait(seconds):
            raise Unreachable('it has not answered the last calls.')

    def is_answering(self) -> bool:
        """Return whether the server answers."""
        try:
            client.VersionApi(self._prompt_client).get_code(
                _request_timeout=(PROBE_SECONDS, PROBE_SECONDS))
        except client.ApiException as e:
            # Without a right to ask, the answer itself is a proof.
            return bool(e.status) and e.status not in OVERLOADED
        except (urllib3.exceptions.HTTPError, OSError):
            return False
        return True

    def create_pod(self, pod: client.V1Pod | Resource) -> None:
        """Create a pod with a name that nothing else has.

        :raises Rejected, Unreachable: see :meth:`call`.
        """
        try:
            self.call(self.prompt.create_namespaced_pod, self.namespace, pod)
        except Rejected as e:
            # A retry meets the pod of a first try whose answer was lost.
            if e.reason != 'AlreadyExists':
                raise

    def delete_pod(self, name: str) -> None:
        """Delete a pod; ignore an absent pod.

        After an error, the sweep deletes the pod later.
        """
        if self.outages.is_present:
            LOG.info('Deleting pod %s after the outage', name)
            return
        try:
            with ignore_status(NOT_FOUND):
                self.call(self.core.delete_namespaced_pod, name,
                          self.namespace,
                          grace_period_seconds=RELEASE_SECONDS)
        except (Rejected, Unreachable) as e:
            LOG.warning('Could not delete pod %s: %s', name, e)

    def close(self) -> None:
        """Close all connections."""
        for api_client in self._clients:
            api_client.rest_client.close()


@contextlib.contextmanager
def translate_errors(failure: str) -> Iterator[None]:
    """Raise the exceptions of drivers instead of those of this module.

    :param failure: begin of the sentence: the action that failed.
    """
    try:
        yield
    except Unreachable as e:
        raise exception.OutOfReach(
            f'{failure}: the API server of Kubernetes does not answer: {e}')
    except Rejected as e:
        if 'exceeded quota' in str(e):
            raise exception.NoRoom(f'{failure}: {e}')
        if e.temporary:
            raise exception.TemporaryError(f'{failure}: {e}')
        raise exception.PermanentError(f'{failure}: {e}')


@contextlib.contextmanager
def ignore_status(status: int) -> Iterator[None]:
    """Ignore an error of the server with an HTTP status."""
    try:
        yield
    except Rejected as e:
        if e.status != status:
            raise


def _create_error(status: int, reason: str, body: typing.Any) -> Rejected:
    try:
        answer = json.loads(body)
        return Rejected(status, answer.get('reason') or reason,
                        answer['message'])
    except (TypeError, ValueError, KeyError, AttributeError):
        return Rejected(status, reason, f'HTTP status {status} {reason}')


def _create_configuration(options: cfg.ConfigOpts.GroupAttr,
                          retries: urllib3.Retry) -> client.Configuration:
    configuration = client.Configuration()
    try:
        if options.kubeconfig:
            config.load_kube_config(
                options.kubeconfig, options.context, configuration,
                persist_config=False)
        elif options.kube_host:
            configuration.host = options.kube_host
            if options.use_api_certificate:
                configuration.ssl_ca_cert = options.ssl_ca_cert
                configuration.cert_file = options.cert_file
                configuration.key_file = options.key_file
        else:
            config.load_incluster_config(configuration)
    except (config.ConfigException, OSError) as e:
        raise exception.PermanentError(
            f'The cluster cannot be found: {e}. Set [kubernetes] kubeconfig '
            'or kube_host, or run the engine in the cluster.') from e
    configuration.retries = retries
    configuration.keep_alive = True
    configuration.connection_pool_maxsize = 32
    return configuration
