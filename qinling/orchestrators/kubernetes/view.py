# SPDX-License-Identifier: Apache-2.0
"""The picture that an engine has of the cluster, kept by watches.

A watch begins with a list, goes on from the version of that list, and learns
by bookmarks how far it has come while nothing happens.  When the server no
longer knows that version (410 Gone), and every now and then in any case, it
begins again with a list.  See "Efficient detection of changes" in the API
concepts of Kubernetes.
"""

import json
import logging
import random
import threading
import time

from kubernetes.watch import watch
import urllib3

from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import labels

LOG = logging.getLogger(__name__)

PAGE = 500              # objects in one answer of a list
WATCH_SECONDS = 300     # after which the server ends a watch
RESYNC_SECONDS = 1800   # after which everything is listed again
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0  # seconds between tries


class Informer:
    """The objects of one kind that are ours.

    :param api: an :class:`.api.Api`.
    :param function: the client's method that lists them in a namespace.
    :param changed: condition that guards the objects, notified on changes.
    :param seen: function of (old, new) that is called with each change,
        ``None`` for what is not there; the condition is held.
    """

    def __init__(self, api, function, changed, seen=None):
        self._api = api
        self._function = function
        self._changed = changed
        self._seen = seen or (lambda old, new: None)
        self._stopped = threading.Event()
        self._response = None
        self._version = None
        self._listed = 0
        self.synced = threading.Event()
        #: name -> object, as the server sent it
        self.objects = {}
        self._thread = threading.Thread(
            target=self._run, name='informer', daemon=True)

    def start(self):
        """Begin to watch."""
        self._thread.start()

    def stop(self):
        """End, and wait for the end."""
        self._stopped.set()
        self.cut()
        if self._thread.is_alive():
            self._thread.join(LONGEST_PAUSE)

    def cut(self):
        """End the present connection."""
        response = self._response
        if response is not None:
            try:
                response.shutdown()
            except (OSError, ValueError, AttributeError):
                pass  # it has just ended by itself

    def learn(self, obj):
        """Take over what a call has answered before the watch tells."""
        with self._changed:
            self._put(obj['metadata']['name'], obj)

    def _run(self):
        pause = FIRST_PAUSE
        while not self._stopped.is_set():
            try:
                began = time.monotonic()
                if (self._version is None
                        or began - self._listed > RESYNC_SECONDS):
                    self._list()
                self._watch()
                pause = FIRST_PAUSE
                # A server that ends each watch at once is not asked in a
                # tight loop.
                if time.monotonic() - began > 1:
                    continue
            except apis.Refused as e:
                if e.status == apis.GONE:
                    LOG.info('Objects are listed again: %s', e)
                    self._version = None
                    pause = FIRST_PAUSE
                else:
                    LOG.warning('The cluster cannot be watched: %s', e)
            except apis.Unreachable as e:
                if not self._stopped.is_set():
                    LOG.info('A watch of the cluster broke: %s', e)
            except Exception:
                LOG.exception('A watch of the cluster begins again.')
                self._version = None
            self._stopped.wait(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _list(self):
        found, more = {}, {}
        while True:
            page = self._api.call(
                self._function, self._api.namespace,
                label_selector=labels.SELECTOR, limit=PAGE, **more)
            found.update((each['metadata']['name'], each)
                         for each in page.get('items') or ())
            more = {'_continue': page['metadata'].get('continue')}
            if not more['_continue']:
                break
        with self._changed:
            for name in set(self.objects) - set(found):
                self._put(name, None)
            for name, obj in found.items():
                self._put(name, obj)
            self.synced.set()
            self._changed.notify_all()
        self._version = page['metadata']['resourceVersion']
        self._listed = time.monotonic()

    def _watch(self):
        seconds = int(WATCH_SECONDS * random.uniform(0.8, 1))
        with self._api.open(
                self._function, self._api.namespace, watch=True,
                label_selector=labels.SELECTOR, allow_watch_bookmarks=True,
                resource_version=self._version, timeout_seconds=seconds,
                _request_timeout=(apis.CONNECT_TIMEOUT, seconds + 30),
                ) as response:
            self._response = response
            try:
                for line in watch.iter_resp_lines(response):
                    if self._stopped.is_set():
                        return
                    if line:
                        self._take(json.loads(line))
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as e:
                raise apis.Unreachable(str(e)) from e
            finally:
                self._response = None
                # What is left of a stream cannot be used again.
                response.close()

    def _take(self, event):
        obj = event['object']
        if event['type'] == 'ERROR':
            raise apis.Refused(obj.get('code'), obj.get('reason'),
                               obj.get('message'))
        if event['type'] != 'BOOKMARK':
            with self._changed:
                self._put(obj['metadata']['name'],
                          None if event['type'] == 'DELETED' else obj)
                self._changed.notify_all()
        self._version = obj['metadata']['resourceVersion']

    def _put(self, name, obj):
        old = self.objects.pop(name, None)
        if obj is not None:
            self.objects[name] = obj
        self._seen(old, obj)


class View:
    """Pods and Deployments, guarded by the condition ``changed``.

    :param seen: see :class:`Informer`, for pods.
    """

    def __init__(self, api, changed, seen):
        self.changed = changed
        self._pods = Informer(api, api.core.list_namespaced_pod, changed,
                              seen)
        self._deployments = Informer(
            api, api.apps.list_namespaced_deployment, changed)
        self.pods = self._pods.objects
        self.deployments = self._deployments.objects
        self.learn = self._pods.learn

    def start(self, timeout):
        """Begin to watch and wait for the first lists.

        :returns: whether they came in ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        for each in (self._pods, self._deployments):
            each.start()
        return all(each.synced.wait(max(0, deadline - time.monotonic()))
                   for each in (self._pods, self._deployments))

    def of(self, runtime_id, state):
        """The pods of a runtime that are in a state; the condition is
        held."""
        return [pod for pod in self.pods.values()
                if (pod['metadata'].get('labels') or {}).get(
                    labels.RUNTIME) == runtime_id
                and pod['metadata']['labels'].get(labels.STATE) == state]

    def stop(self):
        """End all watches."""
        for each in (self._pods, self._deployments):
            each.stop()
