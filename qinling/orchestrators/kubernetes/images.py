# SPDX-License-Identifier: Apache-2.0
"""Image functions: a pod per execution."""

from collections.abc import Callable
import logging
import math
import secrets
import time

from qinling import exception
from qinling.orchestrators import base
from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import cluster as clusters
from qinling.orchestrators.kubernetes import pods
from qinling.states import ExecutionReason

LOG = logging.getLogger(__name__)

OUTAGE_SECONDS = 0.5  # between two checks for the end of an outage


class Images:
    """Runner of image functions of an engine.

    :param start_timeout: seconds for a pod to start its program.
    """

    def __init__(self, cluster: clusters.Cluster, start_timeout: int) -> None:
        self._api = cluster.api
        self._background = cluster.background
        self._view = cluster.view
        self._manifests = cluster.manifests
        self._engines = cluster.engines
        self._room = cluster.room
        self._start_timeout = start_timeout
        #: name of the pod -> id of the execution
        self._execution_ids: dict[str, str] = {}
        #: name -> last state of a pod that the cluster removed
        self._removed: dict[str, apis.Resource] = {}

    def run(self, run: base.ImageRun) -> base.ImageOutcome:
        """Run an image, see :meth:`..base.ImageRunner.run_image`."""
        name = f'qinling-{secrets.token_hex(8)}'
        with self._view.changed:
            self._execution_ids[name] = run.execution_id
        try:
            with apis.translate_errors(
                    f'The image {run.image} cannot be run'):
                self._api.check()
                self._api.create_pod(self._manifests.create_image_pod(
                    name, run, self._engines.name,
                    # The deadline includes the pull of the image, and
                    # matters only for pods of dead engines.
                    run.timeout + self._start_timeout))
            if not self._wait_pod(name, _has_started, self._start_timeout):
                self._raise_not_started(name)
            started_at = time.monotonic()
            in_time = self._wait_pod(name, _has_ended, run.timeout)
            return self._create_outcome(name, run, in_time,
                                        time.monotonic() - started_at)
        finally:
            # The caller does not wait for the end of the pod.
            self._background.submit(self._delete, name)

    def cancel(self, execution_id: str) -> None:
        """Stop an execution, see :meth:`..base.ImageRunner.cancel_image`."""
        with self._view.changed:
            names = [name for name, id in self._execution_ids.items()
                     if id == execution_id]
        for name in names:
            self._api.delete_pod(name)

    def list_owned(self) -> set[str]:
        """Return the names of the pods of this engine."""
        with self._view.changed:
            return set(self._execution_ids)

    def record_removal(self, pod: apis.Resource) -> None:
        """Keep the last state of a pod, which tells how its program ended.

        The caller holds the condition.
        """
        if pods.get_name(pod) in self._execution_ids:
            self._removed[pods.get_name(pod)] = pod

    def _wait_pod(self, name: str, condition: Callable[[apis.Resource], bool],
                  seconds: float) -> bool:
        """Wait until a pod fulfils a condition.

        :returns: whether the condition is true in time.
        :raises PermanentError: the condition can never be true.
        :raises Disrupted: the cluster ended the pod.
        """
        deadline = time.monotonic() + seconds
        with self._view.changed:
            while True:
                removed = self._removed.get(name)
                pod = removed or self._view.pods.get(name)
                if pod is not None and condition(pod):
                    return True
                if pod is not None and (removed or pods.has_ended(pod)):
                    raise exception.Disrupted(
                        (pods.find_exit_reason(pod) or pods.DELETED).sentence)
                remaining = deadline - time.monotonic()
                if remaining <= 0 and self._api.outages.is_settled:
                    return False
                # In an outage, the pod may have ended unnoticed.
                self._room.wait(pod, remaining if remaining > 0
                                else OUTAGE_SECONDS)

    def _raise_not_started(self, name: str) -> None:
        with self._view.changed:
            pod = self._view.pods.get(name)
        problem = pod and pods.find_problem(pod)
        raise exception.TemporaryError(
            problem.sentence if problem else
            f'its pod did not start in {self._start_timeout} seconds')

    def _create_outcome(self, name: str, run: base.ImageRun, in_time: bool,
                        duration: float) -> base.ImageOutcome:
        """Return the outcome of a pod.

        :param duration: seconds, measured here.
        """
        with self._view.changed:
            pod = (self._removed.get(name) or self._view.pods.get(name)
                   or {'metadata': {}, 'status': {}})
        termination = pods.get_termination(pod)
        disruption = pods.find_disruption(pod)
        if disruption is not None:
            raise exception.Disrupted(disruption.sentence)
        log = self._read_log(name, run.max_log_size)
        late = f'The function ran longer than its timeout of {run.timeout} s.'
        if not in_time or not termination:
            return base.ImageOutcome(False, log, round(duration, 3), late,
                                     ExecutionReason.TIMEOUT.value)
        sentence, reason = '', None
        if termination.get('reason') == 'OOMKilled':
            reason = ExecutionReason.OUT_OF_MEMORY.value
            sentence = (f'The function took more than its '
                        f'{run.memory_size // (1 << 20)} MiB of memory.')
        elif pod['status'].get('reason') == 'DeadlineExceeded':
            sentence, reason = late, ExecutionReason.TIMEOUT.value
        elif termination.get('exitCode') != 0:
            reason = ExecutionReason.CRASHED.value
            sentence = (f'The container ended with exit code '
                        f'{termination.get("exitCode")}.')
        return base.ImageOutcome(
            not sentence, log, _select_duration(termination, duration),
            sentence, reason)

    def _read_log(self, name: str, max_size: int) -> str:
        """Return the output of a container, which may be binary."""
        try:
            data = self._api.read(
                self._api.core.read_namespaced_pod_log, name,
                self._api.namespace, container=pods.FUNCTION,
                limit_bytes=max_size + 1)
        except (apis.Rejected, apis.Unreachable) as e:
            LOG.warning('Could not read the log of pod %s: %s', name, e)
            return f'The log cannot be read: {e}'
        text = data[:max_size].decode('utf-8', 'replace')
        if len(data) > max_size:
            text += f'\n... only the first {max_size} bytes are kept.\n'
        return text

    def _delete(self, name: str) -> None:
        self._api.delete_pod(name)
        with self._view.changed:
            self._execution_ids.pop(name, None)
            self._removed.pop(name, None)


def _has_started(pod: apis.Resource) -> bool:
    """Return whether the program runs, or has run.

    :raises PermanentError: the program can never run.
    """
    if (pods.get_container(pod).get('state') or {}).get('running'):
        return True
    if pods.get_termination(pod):
        return True
    if pods.has_ended(pod):
        return False  # its node refused or evicted the pod before the start
    problem = pods.find_problem(pod)
    # The client waits for the execution: do not pull the image again.
    if problem and (problem.hopeless
                    or problem.sentence.startswith('ErrImagePull')):
        raise exception.PermanentError(problem.sentence)
    return False


def _has_ended(pod: apis.Resource) -> bool:
    """Return whether the program has ended."""
    return bool(pods.get_termination(pod))


def _select_duration(termination: apis.Resource, measured: float) -> float:
    """Return the seconds of a program.

    The cluster reports whole seconds; the measured duration is more precise
    if both agree.
    """
    try:
        start, end = (time.mktime(time.strptime(
            termination[key], '%Y-%m-%dT%H:%M:%SZ'))
            for key in ('startedAt', 'finishedAt'))
    except (KeyError, TypeError, ValueError):
        return round(measured, 3)
    reported = end - start
    if math.fabs(reported - measured) <= 1:
        return round(measured, 3)
    return reported
