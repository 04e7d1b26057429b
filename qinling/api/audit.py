# SPDX-License-Identifier: Apache-2.0
"""Audit trail: notifications about changes on the message bus.

A notification has the type ``<noun>.<action>``, from the policy of the route.
Notifications contain no bodies of requests or answers, so neither code nor
secrets.
"""

from collections.abc import Iterable
import queue
import threading
import typing
from wsgiref import types as wsgi_types

from oslo_log import log

from qinling.telemetry import metrics

if typing.TYPE_CHECKING:
    from qinling.api import route as route_module

LOG = log.getLogger(__name__)

#: Notifications that wait for the bus; further ones are dropped, since a
#: request must never wait for the bus.
MAX_PENDING_NOTIFICATIONS = 1000
#: Seconds for the remaining notifications when the process stops.
CLOSE_TIMEOUT_SECONDS = 5

#: Key of the environment: noun and path of further deletions.
_DELETIONS = 'qinling.deletions'

#: Priority, context, type and payload.
_Notification = tuple[
    str, dict[str, typing.Any], str, dict[str, typing.Any]]


class Audit:
    """Sender of notifications, in a thread of its own.

    :param notifier: an ``oslo_messaging.Notifier``.
    """

    def __init__(self, notifier: typing.Any) -> None:
        self._notifier = notifier
        self._queue: queue.Queue[_Notification | None] = queue.Queue(
            MAX_PENDING_NOTIFICATIONS)
        self._thread = threading.Thread(
            target=self._send, name='audit', daemon=True)
        self._thread.start()

    def record_request(self, environ: wsgi_types.WSGIEnvironment,
                       route: 'route_module.route', status: int) -> None:
        """Queue a notification about a request that changes a resource."""
        if route.method == 'GET' or route.raw:
            return
        try:
            self._queue.put_nowait(_notification(environ, route, status))
            for noun, path in environ.get(_DELETIONS, ()):
                self._queue.put_nowait(_create(
                    environ, f'{noun}:delete', status, 'DELETE', path))
        except queue.Full:
            metrics.notifications_dropped.inc()
            LOG.warning('Dropped notification %s: the bus is too slow.',
                        route.policy)

    def _send(self) -> None:
        while (notification := self._queue.get()) is not None:
            try:
                priority, *arguments = notification
                getattr(self._notifier, priority)(*arguments)
            except Exception:
                metrics.notifications_dropped.inc()
                LOG.exception('Could not send a notification.')

    def close(self) -> None:
        """Send the queued notifications."""
        try:
            self._queue.put(None, timeout=CLOSE_TIMEOUT_SECONDS)
        except queue.Full:
            return
        self._thread.join(CLOSE_TIMEOUT_SECONDS)


def add_deletions(environ: wsgi_types.WSGIEnvironment, noun: str,
                  paths: Iterable[str]) -> None:
    """Add notifications about resources that the request deleted as well."""
    environ[_DELETIONS] = [(noun, path) for path in paths]


def _notification(environ: wsgi_types.WSGIEnvironment,
                  route: 'route_module.route', status: int) -> _Notification:
    return _create(environ, route.policy, status, environ['REQUEST_METHOD'],
                   environ.get('SCRIPT_NAME', '') + environ['PATH_INFO'])


def _create(environ: wsgi_types.WSGIEnvironment, policy: str, status: int,
            method: str, path: str) -> _Notification:
    ctx = environ.get('qinling.ctx')
    initiator = {
        'user_id': ctx and ctx.user_id,
        'project_id': ctx and ctx.project_id,
        'request_id': environ['openstack.request_id'],
        'global_request_id': environ['openstack.global_request_id']}
    noun, _, action = policy.partition(':')
    success = status < 400
    payload = {
        'outcome': 'success' if success else 'failure', 'status': status,
        'initiator': dict(initiator, address=environ.get('REMOTE_ADDR')),
        'target': {'type': noun, 'id': environ.get('qinling.subject')},
        'method': method, 'path': path}
    return ('info' if success else 'error', dict(initiator),
            f'{noun}.{action}', payload)
