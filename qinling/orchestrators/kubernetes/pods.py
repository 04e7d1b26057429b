# SPDX-License-Identifier: Apache-2.0
"""Reading pods, as the API server describes them."""

from qinling.orchestrators import base
from qinling.orchestrators.kubernetes import labels

PORT = 9090

#: Reasons of a waiting container that no time heals.  ErrImagePull is not
#: among them: it comes before the first try to do better, and
#: ImagePullBackOff follows.
HOPELESS = ('ImagePullBackOff', 'InvalidImageName', 'ImageInspectError',
            'ErrImageNeverPull', 'CreateContainerConfigError',
            'CreateContainerError', 'RunContainerError')
RESTARTS = 2  # after which a container that ends by itself is hopeless


def name(pod):
    """Its name."""
    return pod['metadata']['name']


def label(pod, key):
    """The value of a label, '' if it has none."""
    return (pod['metadata'].get('labels') or {}).get(key, '')


def purpose(pod):
    """Which of :mod:`.labels` it is for."""
    return label(pod, labels.STATE)


def conditions(thing):
    """type -> condition of a pod or a Deployment."""
    return {each['type']: each
            for each in thing.get('status', {}).get('conditions') or ()}


def leaving(pod):
    """Whether it ends, or has ended."""
    return ('deletionTimestamp' in pod['metadata']
            or pod.get('status', {}).get('phase') in ('Failed', 'Succeeded')
            or conditions(pod).get('DisruptionTarget', {}).get(
                'status') == 'True')


def ready(pod):
    """Whether a worker can serve."""
    return (not leaving(pod)
            and conditions(pod).get('Ready', {}).get('status') == 'True'
            and bool(pod['status'].get('podIP')))


def address(pod):
    """The address of its agent."""
    ip = pod['status']['podIP']
    return f'tcp:[{ip}]:{PORT}' if ':' in ip else f'tcp:{ip}:{PORT}'


def container(pod):
    """The status of its one container, ``{}`` before there is any."""
    return next(iter(pod.get('status', {}).get('containerStatuses') or ()),
                {})


def terminated(pod):
    """How its container ended last, or ``None``."""
    status = container(pod)
    for key in ('state', 'lastState'):
        found = (status.get(key) or {}).get('terminated')
        if found:
            return found
    return None


def restarts(pod):
    """How often its container was started again."""
    return container(pod).get('restartCount', 0)


def ended_since(pod, number):
    """How its container ended since it had been started again so often."""
    state = container(pod).get('state') or {}
    return (state.get('terminated')
            or (terminated(pod) if restarts(pod) > number else None))


def death(pod, number=0):
    """The :class:`..base.Death` of a pod that no longer serves; ``None``
    while nothing is known of it.

    :param number: how often its container had been started again when it
        still served.
    """
    ended = ended_since(pod, number)
    if ended and ended.get('reason') == 'OOMKilled':
        return base.Death(
            'The worker was killed: it took more memory than its limit '
            '(OOMKilled).', own_fault=True)
    disruption = conditions(pod).get('DisruptionTarget', {})
    status = pod.get('status', {})
    if status.get('reason') or disruption.get('status') == 'True':
        reason = status.get('reason') or disruption.get('reason')
        message = status.get('message') or disruption.get('message') or ''
        return base.Death(f'The worker was taken away by the cluster: '
                          f'{reason}. {message}'.strip())
    if ended:
        return base.Death('The worker died: ' + _ending(ended))
    if 'deletionTimestamp' in pod['metadata']:
        return base.Death('The worker was deleted by somebody.')
    return None


def complaint(pod):
    """Why a pod is not ready: (whether waiting is in vain, a sentence), or
    ``None`` when nothing speaks against it."""
    status = container(pod)
    waiting = (status.get('state') or {}).get('waiting') or {}
    ended = terminated(pod)
    if ended and (restarts(pod) >= RESTARTS
                  or pod['status'].get('phase') == 'Failed'):
        return True, 'Its program ends by itself: ' + _ending(ended)
    if waiting.get('message') or waiting.get('reason') in HOPELESS:
        sentence = f'{waiting["reason"]}: {waiting.get("message", "")}'
        return waiting['reason'] in HOPELESS, sentence
    scheduled = conditions(pod).get('PodScheduled', {})
    if scheduled.get('status') == 'False':
        return False, (f'{scheduled.get("reason", "Unschedulable")}: '
                       f'{scheduled.get("message", "")}')
    if pod.get('status', {}).get('phase') == 'Failed':
        return True, (f'{pod["status"].get("reason", "Failed")}: '
                      f'{pod["status"].get("message", "")}')
    return None


def _ending(ended):
    sentence = (f'{ended.get("reason", "Error")}, exit code '
                f'{ended.get("exitCode")}.')
    # The end of its log, by terminationMessagePolicy.
    return f'{sentence} {ended.get("message", "").strip()}'.strip()
