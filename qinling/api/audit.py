# SPDX-License-Identifier: Apache-2.0
"""The audit trail: who did what, told to the message bus.

A notification has the type ``<noun>.<action>``, after the policy of the
route.  It never holds what was sent or answered, so neither code nor secrets.
"""

import queue
import threading

from oslo_log import log

from qinling.telemetry import metrics

LOG = log.getLogger(__name__)

#: Notifications that wait for the bus at most; more are dropped, since a
#: request must never wait for them.
MOST = 1000
#: Seconds that the last notifications may take when the process ends.
PATIENCE = 5


class Audit:
    """Notifies of every change, from a thread of its own.

    :param notifier: an ``oslo_messaging.Notifier``.
    """

    def __init__(self, notifier):
        self._notifier = notifier
        self._queue = queue.Queue(MOST)
        self._thread = threading.Thread(
            target=self._send, name='audit', daemon=True)
        self._thread.start()

    def note(self, environ, route, status):
        """Tell of a request, if it would change something."""
        if route.method == 'GET' or route.raw:
            return
        try:
            self._queue.put_nowait(_notification(environ, route, status))
        except queue.Full:
            metrics.notifications_dropped.inc()
            LOG.warning('Notification of %s dropped: the bus is too slow.',
                        route.policy)

    def _send(self):
        while (item := self._queue.get()) is not None:
            try:
                priority, *rest = item
                getattr(self._notifier, priority)(*rest)
            except Exception:
                metrics.notifications_dropped.inc()
                LOG.exception('A notification was not sent.')

    def close(self):
        """Send what is still to be sent."""
        try:
            self._queue.put(None, timeout=PATIENCE)
        except queue.Full:
            return
        self._thread.join(PATIENCE)


def _notification(environ, route, status):
    """(priority, context, type, payload) of one."""
    ctx = environ.get('qinling.ctx')
    who = {'user_id': ctx and ctx.user_id,
           'project_id': ctx and ctx.project_id,
           'request_id': environ['openstack.request_id'],
           'global_request_id': environ['openstack.global_request_id']}
    noun, _, action = route.policy.partition(':')
    good = status < 400
    return ('info' if good else 'error', dict(who), f'{noun}.{action}', {
        'outcome': 'success' if good else 'failure', 'status': status,
        'initiator': dict(who, address=environ.get('REMOTE_ADDR')),
        'target': {'type': noun, 'id': environ.get('qinling.subject')},
        'method': environ['REQUEST_METHOD'],
        'path': environ.get('SCRIPT_NAME', '') + environ['PATH_INFO']})
