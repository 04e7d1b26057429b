# SPDX-License-Identifier: Apache-2.0
"""Mirror of the cluster in an engine, updated by watches.

A watch starts with a list and continues from the version of the list;
bookmarks update the version while no object changes.  After 410 Gone, and
periodically, a watch starts again with a list.  See "Efficient detection of
changes" in the API concepts of Kubernetes.
"""

import abc
from collections.abc import Callable
import json
import logging
import random
import threading
import time
import typing

from kubernetes.watch import watch
import urllib3

from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import index as indexes
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import trimming

LOG = logging.getLogger(__name__)

PAGE = 500              # objects per answer of a list
WATCH_SECONDS = 300     # lifetime of a watch
RESYNC_SECONDS = 1800   # interval of lists
#: Seconds without an event until a watch starts again: the server sends a
#: bookmark in every minute, unless the connection is dead.
SILENCE_SECONDS = 120
#: Delays between tries.
MIN_DELAY_SECONDS, MAX_DELAY_SECONDS = 0.1, 10.0


#: In the message of a server that was restored from a backup.
TOO_LARGE = 'Too large resource version'


class ChangeListener(typing.Protocol):
    """Receiver of changes."""

    def handle_change(self, old: apis.Resource | None,
                      new: apis.Resource | None) -> None:
        """Handle a change; ``None`` stands for an absent object.

        The caller holds the condition of the view.
        """


class Informer(abc.ABC):
    """Mirror of the objects of a kind.

    :param changed: condition that guards the objects, notified of changes.
    :param listener: receiver of changes.
    """

    def __init__(self, api: apis.Api, changed: threading.Condition,
                 listener: ChangeListener | None = None) -> None:
        self._api = api
        self._changed = changed
        self._listener = listener
        self._stopped = threading.Event()
        self._response: urllib3.HTTPResponse | None = None
        self._version: str | None = None
        self._listed_at = 0.0
        self.synced = threading.Event()
        #: name -> kept part of an object
        self.objects: dict[str, apis.Resource] = {}
        self._thread = threading.Thread(
            target=self._run, name='informer', daemon=True)

    @property
    @abc.abstractmethod
    def _list_objects(self) -> Callable[..., typing.Any]:
        """Return the method of the client that lists the objects."""

    def _trim(self, resource: apis.Resource) -> apis.Resource:
        """Return the part of an object to keep."""
        return resource

    def start(self) -> None:
        """Start to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait for the end of the thread."""
        self._stopped.set()
        self.close_connection()
        if self._thread.is_alive():
            self._thread.join(MAX_DELAY_SECONDS)

    def close_connection(self) -> None:
        """Close the present connection."""
        response = self._response
        if response is not None:
            try:
                response.shutdown()
            except (OSError, ValueError, AttributeError):
                pass  # the connection has just ended

    def record_object(self, resource: apis.Resource) -> None:
        """Add the answer of a call, ahead of the watch."""
        with self._changed:
            self._replace(resource['metadata']['name'],
                          self._trim(resource))

    def _run(self) -> None:
        delay = MIN_DELAY_SECONDS
        while not self._stopped.is_set():
            try:
                started_at = time.monotonic()
                if (self._version is None
                        or started_at - self._listed_at > RESYNC_SECONDS):
                    self._list()
                self._watch()
                delay = MIN_DELAY_SECONDS
                # Avoid a tight loop with a server that closes every watch.
                if time.monotonic() - started_at > 1:
                    continue
            except Exception as e:
                self._report(e)
            if self._api.outages.is_present:
                self._api.outages.wait(MAX_DELAY_SECONDS)
                delay = MIN_DELAY_SECONDS
            self._stopped.wait(delay * random.uniform(0.5, 1))
            delay = min(delay * 2, MAX_DELAY_SECONDS)

    def _report(self, error: Exception) -> None:
        """Log why a list or a watch ended early."""
        if isinstance(error, apis.Unreachable):
            LOG.info('Could not continue a watch: %s', error)
        elif not isinstance(error, apis.Rejected):
            LOG.error('Restarting a watch after an error', exc_info=error)
            self._version = None
        elif error.status == apis.GONE or TOO_LARGE in str(error):
            LOG.info('Listing objects again: %s', error)
            self._version = None
        else:
            LOG.log(logging.INFO if error.temporary else logging.WARNING,
                    'Could not watch the cluster: %s', error)

    def _list(self) -> None:
        resources: dict[str, apis.Resource] = {}
        position: dict[str, str | None] = {}
        while True:
            page = self._api.call(
                self._list_objects, self._api.namespace,
                label_selector=labels.SELECTOR, limit=PAGE, **position)
            resources.update((resource['metadata']['name'],
                              self._trim(resource))
                             for resource in page.get('items') or ())
            position = {'_continue': page['metadata'].get('continue')}
            if not position['_continue']:
                break
        with self._changed:
            for name in set(self.objects) - set(resources):
                self._replace(name, None)
            for name, resource in resources.items():
                self._replace(name, resource)
            self.synced.set()
            self._changed.notify_all()
        self._version = page['metadata']['resourceVersion']
        self._listed_at = time.monotonic()

    def _watch(self) -> None:
        seconds = int(WATCH_SECONDS * random.uniform(0.8, 1))
        with self._api.open(
                self._list_objects, self._api.namespace, watch=True,
                label_selector=labels.SELECTOR, allow_watch_bookmarks=True,
                resource_version=self._version, timeout_seconds=seconds,
                _request_timeout=(apis.CONNECT_TIMEOUT_SECONDS,
                                  SILENCE_SECONDS)) as response:
            self._response = response
            try:
                for line in watch.iter_resp_lines(response):
                    if self._stopped.is_set():
                        return
                    if line:
                        self._apply_event(json.loads(line))
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as e:
                raise apis.Unreachable(str(e)) from e
            finally:
                self._response = None
                # The rest of a stream is not reusable.
                response.close()

    def _apply_event(self, event: apis.Resource) -> None:
        resource = event['object']
        if event['type'] == 'ERROR':
            raise apis.Rejected(resource.get('code'), resource.get('reason'),
                                resource.get('message'))
        if event['type'] != 'BOOKMARK':
            trimmed = (None if event['type'] == 'DELETED'
                       else self._trim(resource))
            name = resource['metadata']['name']
            with self._changed:
                # The answer of a call may have been faster.
                if trimmed is None or not _is_earlier(
                        trimmed, self.objects.get(name)):
                    self._replace(name, trimmed)
                    self._changed.notify_all()
        self._version = resource['metadata']['resourceVersion']

    def _replace(self, name: str, resource: apis.Resource | None) -> None:
        old = self.objects.pop(name, None)
        if resource is not None:
            self.objects[name] = resource
        if self._listener is not None:
            self._listener.handle_change(old, resource)


def _is_earlier(new: apis.Resource, old: apis.Resource | None) -> bool:
    """Return whether a state is earlier; versions of an object are numbers."""
    return old is not None and int(new['metadata']['resourceVersion']) < int(
        old['metadata']['resourceVersion'])


class _Pods(Informer):
    @property
    def _list_objects(self) -> Callable[..., typing.Any]:
        return typing.cast(Callable[..., typing.Any],
                           self._api.prompt.list_namespaced_pod)

    def _trim(self, resource: apis.Resource) -> apis.Resource:
        return trimming.trim(resource)


class _Deployments(Informer):
    @property
    def _list_objects(self) -> Callable[..., typing.Any]:
        return typing.cast(Callable[..., typing.Any],
                           self._api.prompt_apps.list_namespaced_deployment)


class View:
    """Mirror of pods and Deployments, guarded by the condition ``changed``.

    Pods have only the fields of :mod:`.trimming`.

    :param listener: receiver of changes of pods.
    """

    def __init__(self, api: apis.Api, changed: threading.Condition,
                 listener: ChangeListener) -> None:
        self.changed = changed
        self._listener = listener
        self._pods = _Pods(api, changed, self)
        self.index = indexes.Index()
        self._deployments = _Deployments(api, changed)
        self._informers = (self._pods, self._deployments)
        api.outages.add_listener(self)
        self.pods = self._pods.objects
        self.deployments = self._deployments.objects

    def start(self, timeout: float) -> bool:
        """Start to watch, and wait for the first lists.

        :returns: whether the lists arrived within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        for informer in self._informers:
            informer.start()
        return all(
            informer.synced.wait(max(0, deadline - time.monotonic()))
            for informer in self._informers)

    def stop(self) -> None:
        """Stop all watches."""
        for informer in self._informers:
            informer.stop()

    def handle_recovery(self) -> None:
        """Watch on new connections: a proxy may keep dead ones open."""
        for informer in self._informers:
            informer.close_connection()

    def record_pod(self, pod: apis.Resource) -> None:
        """Add a pod from the answer of a call, ahead of the watch."""
        self._pods.record_object(pod)

    def record_deployment(self, deployment: apis.Resource) -> None:
        """Add a Deployment from the answer of a call."""
        self._deployments.record_object(deployment)

    def list_pods(self, runtime_id: str | None, state: str
                  ) -> list[apis.Resource]:
        """Return the pods of a runtime in a state.

        The caller holds the condition.
        """
        return list(self.index.pools.get((runtime_id or '', state)).values())

    def handle_change(self, old: apis.Resource | None,
                      new: apis.Resource | None) -> None:
        """Update the index, then notify the listener of a changed pod."""
        self.index.replace(old, new)
        self._listener.handle_change(old, new)
