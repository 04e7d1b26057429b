# SPDX-License-Identifier: Apache-2.0
"""Functions that are images: a pod for each execution."""

import logging
import math
import secrets
import time

from qinling import exception
from qinling.orchestrators import base
from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import pods

LOG = logging.getLogger(__name__)

TIMEOUT = 'Function execution timeout.'


class Images:
    """Runs image functions for one engine.

    :param parts: the driver's ``api``, ``view``, ``maker`` and ``engines``.
    :param timeout: seconds that a pod may take until its program begins.
    """

    def __init__(self, parts, timeout):
        self._api = parts.api
        self._view = parts.view
        self._maker = parts.maker
        self._engines = parts.engines
        self._timeout = timeout
        self._mine = {}   # name -> id of its execution

    def run(self, order):
        """See :meth:`..base.ImageRunner.run_image`."""
        name = f'qinling-{secrets.token_hex(8)}'
        with self._view.changed:
            self._mine[name] = order.execution_id
        try:
            with apis.explained(f'The image {order.image} cannot be run'):
                self._api.call(
                    self._api.core.create_namespaced_pod,
                    self._api.namespace, self._maker.image_pod(
                        name, order, self._engines.name,
                        # The cluster's clock begins before the image is
                        # pulled; it is for pods whose engine died.
                        order.timeout + self._timeout))
            self._await(name, self._begun, self._timeout)
            began = time.monotonic()
            in_time = self._await(name, pods.terminated, order.timeout)
            return self._outcome(name, order, in_time,
                                 time.monotonic() - began)
        finally:
            self._delete(name)

    def cancel(self, execution_id):
        """See :meth:`..base.ImageRunner.cancel_image`."""
        with self._view.changed:
            names = [name for name, id in self._mine.items()
                     if id == execution_id]
        for name in names:
            self._delete(name)

    def held(self):
        """Names of the pods that run for this engine."""
        with self._view.changed:
            return set(self._mine)

    def _await(self, name, condition, seconds):
        """Wait until a pod fulfils a condition; whether it did in time.

        :raises PermanentError: it never will.
        :raises TemporaryError: somebody deleted it.
        """
        deadline = time.monotonic() + seconds
        seen = False
        with self._view.changed:
            while True:
                pod = self._view.pods.get(name)
                seen = seen or pod is not None
                if pod is not None and condition(pod):
                    return True
                if seen and (pod is None or pods.leaving(pod)):
                    raise exception.TemporaryError(_gone(pod))
                left = deadline - time.monotonic()
                if left <= 0:
                    return self._late(pod, condition)
                self._view.changed.wait(left)

    def _late(self, pod, condition):
        if condition is pods.terminated:
            return False
        found = pod and pods.complaint(pod)
        raise exception.TemporaryError(
            found[1] if found else
            f'its pod has not begun in {self._timeout} seconds')

    @staticmethod
    def _begun(pod):
        """Whether the program runs, or has run."""
        if (pods.container(pod).get('state') or {}).get('running'):
            return True
        if pods.terminated(pod):
            return True
        in_vain, sentence = pods.complaint(pod) or (False, '')
        # Somebody waits for this one: no second try to pull an image.
        if in_vain or sentence.startswith('ErrImagePull'):
            raise exception.PermanentError(sentence)
        return False

    def _outcome(self, name, order, in_time, measured):
        with self._view.changed:
            pod = self._view.pods.get(name)
        ended = pod and pods.terminated(pod)
        log = self._log(name, order.max_log_size)
        if not in_time or not ended:
            return base.ImageOutcome(False, log, round(measured, 3), TIMEOUT)
        sentence = ''
        if ended.get('reason') == 'OOMKilled':
            sentence = (f'The function took more than its '
                        f'{order.memory_size // (1 << 20)} MiB of memory.')
        elif pod['status'].get('reason') == 'DeadlineExceeded':
            sentence = TIMEOUT
        elif ended.get('exitCode') != 0:
            sentence = (f'The container ended with exit code '
                        f'{ended.get("exitCode")}.')
        return base.ImageOutcome(
            not sentence, log, _duration(ended, measured), sentence)

    def _log(self, name, most):
        """What the container printed; it need not be text."""
        try:
            data = self._api.read(
                self._api.core.read_namespaced_pod_log, name,
                self._api.namespace, limit_bytes=most + 1)
        except (apis.Refused, apis.Unreachable) as e:
            LOG.warning('The log of pod %s cannot be read: %s', name, e)
            return f'The log cannot be read: {e}'
        text = data[:most].decode('utf-8', 'replace')
        if len(data) > most:
            text += f'\n... only the first {most} bytes are kept.\n'
        return text

    def _delete(self, name):
        self._api.delete_pod(name, grace_period_seconds=0)
        with self._view.changed:
            self._mine.pop(name, None)


def _gone(pod):
    death = pod and pods.death(pod)
    return death.sentence if death else 'its pod was deleted by somebody'


def _duration(ended, measured):
    """Seconds between begin and end.  The cluster tells whole seconds, so
    what was measured here is nearer for all that is shorter."""
    try:
        begin, end = (time.mktime(time.strptime(
            ended[key], '%Y-%m-%dT%H:%M:%SZ'))
            for key in ('startedAt', 'finishedAt'))
    except (KeyError, TypeError, ValueError):
        return round(measured, 3)
    told = end - begin
    if math.fabs(told - measured) <= 1:
        return round(measured, 3)
    return told
