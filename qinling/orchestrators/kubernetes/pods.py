# SPDX-License-Identifier: Apache-2.0
"""Readers of pods, as described by the API server."""

import copy
import typing

from qinling.orchestrators import base
from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import labels

PORT = 9090
#: Names of containers.
WORKER, FUNCTION = 'worker', 'function'

#: Reasons of a waiting container that waiting does not resolve.  ErrImagePull
#: precedes ImagePullBackOff and can still resolve.
HOPELESS = ('ImagePullBackOff', 'InvalidImageName', 'ImageInspectError',
            'ErrImageNeverPull', 'CreateContainerConfigError',
            'CreateContainerError', 'RunContainerError')
MAX_RESTARTS = 2  # of a container that ends by itself
DELETED = base.ExitReason('The pod of the worker was deleted.',
                          disrupted=True)


class Problem(typing.NamedTuple):
    """Reason why a pod is not ready; waiting may be ``hopeless``."""

    hopeless: bool
    sentence: str


def get_name(pod: apis.Resource) -> str:
    """Return the name of a pod."""
    return pod['metadata']['name']


def get_label(pod: apis.Resource, key: str) -> str:
    """Return the value of a label, '' without the label."""
    return (pod['metadata'].get('labels') or {}).get(key, '')


def get_state(pod: apis.Resource) -> str:
    """Return the label ``STATE`` of a pod."""
    return get_label(pod, labels.STATE)


def get_function(pod: apis.Resource) -> base.FunctionKey:
    """Return function and version of a claimed pod."""
    return base.FunctionKey(get_label(pod, labels.FUNCTION),
                            int(get_label(pod, labels.VERSION) or 0))


def get_conditions(resource: apis.Resource) -> dict[str, apis.Resource]:
    """Return type -> condition of a pod or a Deployment."""
    conditions = resource.get('status', {}).get('conditions') or ()
    return {condition['type']: condition for condition in conditions}


def is_leaving(pod: apis.Resource) -> bool:
    """Return whether a pod ends or has ended."""
    return ('deletionTimestamp' in pod['metadata']
            or pod.get('status', {}).get('phase') in ('Failed', 'Succeeded')
            or get_conditions(pod).get('DisruptionTarget', {}).get(
                'status') == 'True')


def has_ended(pod: apis.Resource) -> bool:
    """Return whether nothing in a pod can finish any more.

    The containers of a pod that leaves run until they end, for at most the
    grace period, unless their node is lost.
    """
    conditions = get_conditions(pod)
    return (pod.get('status', {}).get('phase') in ('Failed', 'Succeeded')
            or conditions.get('DisruptionTarget', {}).get('reason')
            == 'DeletionByTaintManager'
            and conditions.get('Ready', {}).get('status') != 'True')


def is_ready(pod: apis.Resource) -> bool:
    """Return whether a worker can serve."""
    return (not is_leaving(pod)
            and get_conditions(pod).get('Ready', {}).get('status') == 'True'
            and bool(pod['status'].get('podIP')))


def get_address(pod: apis.Resource) -> str:
    """Return the address of the agent."""
    ip = pod['status']['podIP']
    return f'tcp:[{ip}]:{PORT}' if ':' in ip else f'tcp:{ip}:{PORT}'


def create_worker(pod: apis.Resource, secret: str = '') -> base.Worker:
    """Return the worker of a claimed pod, for engines in the network."""
    return base.Worker(get_name(pod), get_label(pod, labels.RUNTIME),
                       get_address(pod), secret, get_function(pod))


def get_container(pod: apis.Resource) -> apis.Resource:
    """Return the status of our container, ``{}`` before its creation.

    Others may be there: an admission webhook can add containers.
    """
    statuses = pod.get('status', {}).get('containerStatuses') or ()
    return next((status for status in statuses
                 if status.get('name', WORKER) in (WORKER, FUNCTION)), {})


def get_termination(pod: apis.Resource) -> apis.Resource | None:
    """Return the last end of the container, if any."""
    status = get_container(pod)
    for key in ('state', 'lastState'):
        termination = (status.get(key) or {}).get('terminated')
        if termination:
            return termination
    return None


def count_restarts(pod: apis.Resource) -> int:
    """Return the number of restarts of the container."""
    return get_container(pod).get('restartCount', 0)


def get_termination_since(pod: apis.Resource, restarts: int
                          ) -> apis.Resource | None:
    """Return the end of the container since a number of restarts, if any."""
    state = get_container(pod).get('state') or {}
    return (state.get('terminated') or (
        get_termination(pod) if count_restarts(pod) > restarts else None))


def find_exit_reason(pod: apis.Resource, restarts: int = 0
                     ) -> base.ExitReason | None:
    """Return why a pod does not serve any more; ``None`` if unknown.

    :param restarts: restarts of the container while the pod still served.
    """
    termination = get_termination_since(pod, restarts)
    if termination and termination.get('reason') == 'OOMKilled':
        return base.ExitReason(
            'The worker was killed: it took more memory than its limit '
            '(OOMKilled).', own_fault=True)
    disruption = get_conditions(pod).get('DisruptionTarget', {})
    status = pod.get('status', {})
    if status.get('reason') or disruption.get('status') == 'True':
        reason = status.get('reason') or disruption.get('reason')
        message = status.get('message') or disruption.get('message') or ''
        return base.ExitReason(
            'The worker was taken away by the cluster: '
            f'{reason}. {message}'.strip(),
            # Without it, the pod exceeded a limit.
            disrupted=disruption.get('status') == 'True'
            or 'deletionTimestamp' in pod['metadata'])
    if 'deletionTimestamp' in pod['metadata']:
        return DELETED
    if termination:
        return base.ExitReason(
            'The worker died: ' + _describe_termination(termination))
    return None


def find_disruption(pod: apis.Resource) -> base.ExitReason | None:
    """Return why the cluster ended the program of a pod early, if it did."""
    termination = get_termination(pod) or {}
    reason = find_exit_reason(pod) if termination.get('exitCode') else None
    return reason if reason and reason.disrupted else None


def has_no_node(pod: apis.Resource) -> bool:
    """Return whether the scheduler finds no node for a pod."""
    condition = get_conditions(pod).get('PodScheduled', {})
    return (condition.get('status') == 'False'
            and condition.get('reason') == 'Unschedulable')


def find_pending_resize(pod: apis.Resource) -> str | None:
    """Return why the node does not grant a new size of a pod, if so."""
    condition = get_conditions(pod).get('PodResizePending', {})
    return (f'{condition.get("reason")}: {condition.get("message", "")}'
            if condition.get('status') == 'True' else None)


def create_resize_back(pod: apis.Resource) -> apis.Resource | None:
    """Return the body of a resize to the size in force, if known."""
    in_force = get_container(pod).get('resources')
    return in_force and {'spec': {'containers': [{
        'name': WORKER, 'resources': {
            kind: {name: in_force[kind][name] for name in ('cpu', 'memory')
                   if name in in_force.get(kind, {})}
            for kind in ('requests', 'limits')}}]}}


def create_from_pool(pool: apis.Resource, name: str,
                     extra_labels: dict[str, str],
                     annotations: dict[str, str]) -> apis.Resource:
    """Return a pod like those of a Deployment."""
    pod = copy.deepcopy(pool['spec']['template'])
    pod['metadata']['name'] = name
    pod['metadata'].setdefault('annotations', {}).update(annotations)
    pod['metadata']['labels'].update(extra_labels)
    return {'apiVersion': 'v1', 'kind': 'Pod', **pod}


def find_problem(pod: apis.Resource) -> Problem | None:
    """Return why a pod is not ready; ``None`` without a known problem."""
    status = get_container(pod)
    waiting = (status.get('state') or {}).get('waiting') or {}
    termination = get_termination(pod)
    if termination and (count_restarts(pod) >= MAX_RESTARTS
                        or pod['status'].get('phase') == 'Failed'):
        return Problem(True, 'Its program ends by itself: '
                       + _describe_termination(termination))
    if waiting.get('message') or waiting.get('reason') in HOPELESS:
        sentence = f'{waiting["reason"]}: {waiting.get("message", "")}'
        return Problem(waiting['reason'] in HOPELESS, sentence)
    scheduled = get_conditions(pod).get('PodScheduled', {})
    if scheduled.get('status') == 'False':
        return Problem(False, f'{scheduled.get("reason", "Unschedulable")}: '
                              f'{scheduled.get("message", "")}')
    if pod.get('status', {}).get('phase') == 'Failed':
        return Problem(True, f'{pod["status"].get("reason", "Failed")}: '
                             f'{pod["status"].get("message", "")}')
    return None


def _describe_termination(termination: apis.Resource) -> str:
    sentence = (f'{termination.get("reason", "Error")}, exit code '
                f'{termination.get("exitCode")}.')
    # With the end of the log, by terminationMessagePolicy.
    return f'{sentence} {termination.get("message", "").strip()}'.strip()
