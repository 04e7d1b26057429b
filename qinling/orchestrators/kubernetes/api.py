# SPDX-License-Identifier: Apache-2.0
"""The connection to the API server.

Answers are plain dicts, as the server sent them: what is read of an object
then does not depend on the release of the client, and a watch of many pods
costs little.
"""

import contextlib
import json
import logging

from kubernetes import client
from kubernetes import config
import urllib3

from qinling import exception

LOG = logging.getLogger(__name__)

#: HTTP statuses that mean something here.
NOT_FOUND, CONFLICT, GONE = 404, 409, 410
CONNECT_TIMEOUT = 5   # seconds
LONGEST_PAUSE = 10    # seconds, whatever Retry-After says
OVERLOADED = (429, 500, 502, 503, 504)
MERGE_PATCH = 'application/merge-patch+json'


class Refused(Exception):
    """The API server answered with an error: its HTTP ``status``, the
    ``reason`` in a word, and a sentence."""

    def __init__(self, status, reason, message):
        super().__init__(message)
        self.status = status
        self.reason = reason


class Unreachable(Exception):
    """The API server gave no answer."""


class Api:
    """Calls of one API server.

    ``core``, ``apps``, ``policy``, ``networking`` and ``coordination`` are
    for :meth:`call` and try again what an overloaded server refused;
    ``prompt`` is a ``core`` that does not, for those who know better what to
    do meanwhile.

    :param options: the configuration group ``kubernetes``.
    :raises PermanentError: the options lead to no cluster.
    """

    def __init__(self, options):
        self.namespace = options.namespace
        self._timeout = (CONNECT_TIMEOUT, options.request_timeout)
        # Whatever is tried again here has a name or a resourceVersion, so
        # that it cannot be done twice.
        self.configuration = _configuration(options, urllib3.Retry(
            total=5, backoff_factor=0.2, backoff_max=LONGEST_PAUSE,
            retry_after_max=LONGEST_PAUSE, status_forcelist=OVERLOADED,
            allowed_methods=None, raise_on_status=False))
        prompt = _configuration(options, urllib3.Retry(
            total=2, status=0, allowed_methods=None, raise_on_status=False,
            respect_retry_after_header=False))
        self._clients = [client.ApiClient(each)
                         for each in (self.configuration, prompt)]
        patient, hasty = self._clients
        self.core = client.CoreV1Api(patient)
        self.apps = client.AppsV1Api(patient)
        self.policy = client.PolicyV1Api(patient)
        self.networking = client.NetworkingV1Api(patient)
        self.coordination = client.CoordinationV1Api(patient)
        self.prompt = client.CoreV1Api(hasty)

    def call(self, function, *args, **kwargs):
        """The decoded answer of one call.

        :raises Refused: the server said no.
        :raises Unreachable: it said nothing.
        """
        kwargs.setdefault('_request_timeout', self._timeout)
        with self.open(function, *args, **kwargs) as response:
            try:
                return json.loads(response.data)
            except urllib3.exceptions.HTTPError as e:
                raise Unreachable(str(e)) from e

    def read(self, function, *args, **kwargs):
        """The same for answers that are no JSON: bytes."""
        kwargs.setdefault('_request_timeout', self._timeout)
        with self.open(function, *args, **kwargs) as response:
            try:
                return response.data
            except urllib3.exceptions.HTTPError as e:
                raise Unreachable(str(e)) from e

    @contextlib.contextmanager
    def open(self, function, *args, **kwargs):
        """The answer as a ``urllib3`` response, not read yet."""
        try:
            response = function(*args, _preload_content=False, **kwargs)
        except (urllib3.exceptions.HTTPError, OSError) as e:
            raise Unreachable(str(e)) from e
        except client.ApiException as e:
            if not e.status:
                raise Unreachable(str(e.reason)) from e
            raise _refused(e.status, e.reason, e.body) from e
        response = getattr(response, 'response', response)
        try:
            if response.status >= 400:
                raise _refused(response.status, response.reason,
                               response.data)
            yield response
        finally:
            response.release_conn()

    def delete_pod(self, name, **options):
        """Delete a pod, or leave it to a sweep while that cannot be done;
        one that is gone is no error."""
        try:
            with unless(NOT_FOUND):
                self.call(self.core.delete_namespaced_pod, name,
                          self.namespace, **options)
        except (Refused, Unreachable) as e:
            LOG.warning('Pod %s cannot be deleted now: %s', name, e)

    def close(self):
        """Close all connections."""
        for each in self._clients:
            each.rest_client.close()


@contextlib.contextmanager
def explained(what):
    """Raise what drivers may raise instead of this module's exceptions.

    :param what: a sentence's beginning, what could not be done.
    """
    try:
        yield
    except Unreachable as e:
        raise exception.TemporaryError(
            f'{what}: the API server of Kubernetes does not answer: {e}')
    except Refused as e:
        kind = (exception.TemporaryError
                if e.status in OVERLOADED or 'exceeded quota' in str(e)
                else exception.PermanentError)
        raise kind(f'{what}: {e}')


@contextlib.contextmanager
def unless(status):
    """Go on if the server refuses with this HTTP status."""
    try:
        yield
    except Refused as e:
        if e.status != status:
            raise


def _refused(status, reason, body):
    try:
        answer = json.loads(body)
        return Refused(status, answer.get('reason') or reason,
                       answer['message'])
    except (TypeError, ValueError, KeyError, AttributeError):
        return Refused(status, reason, f'HTTP status {status} {reason}')


def _configuration(options, retries):
    made = client.Configuration()
    try:
        if options.kubeconfig:
            config.load_kube_config(
                options.kubeconfig, options.context, made,
                persist_config=False)
        elif options.kube_host:
            made.host = options.kube_host
            if options.use_api_certificate:
                made.ssl_ca_cert = options.ssl_ca_cert
                made.cert_file = options.cert_file
                made.key_file = options.key_file
        else:
            config.load_incluster_config(made)
    except (config.ConfigException, OSError) as e:
        raise exception.PermanentError(
            f'The cluster cannot be found: {e}. Set [kubernetes] kubeconfig '
            'or kube_host, or run the engine in the cluster.') from e
    made.retries = retries
    made.keep_alive = True
    made.connection_pool_maxsize = 32
    return made
