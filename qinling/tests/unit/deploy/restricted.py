# SPDX-License-Identifier: Apache-2.0
"""Pod Security Standard "restricted", with stricter rules of Qinling."""

from qinling.tests.unit.deploy import manifests

VOLUMES = {'configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral',
           'persistentVolumeClaim', 'projected', 'secret'}
HOST = ('hostNetwork', 'hostPID', 'hostIPC')
#: What a container's own context may say otherwise than its pod's.
INHERITED = ('runAsNonRoot', 'runAsUser', 'seccompProfile')


def violations(pod):
    """Return sentences on the faults in a pod's specification."""
    for name in HOST:
        if pod.get(name):
            yield f'{name} is set'
    for volume in pod.get('volumes', []):
        if not VOLUMES.issuperset(set(volume) - {'name'}):
            yield f'the volume {volume["name"]} is of a kind not allowed'
    for container in manifests.containers(pod):
        context = dict({name: value for name, value in
                        pod.get('securityContext', {}).items()
                        if name in INHERITED},
                       **container.get('securityContext', {}))
        for sentence in _of_context(context):
            yield f'the container {container["name"]}: {sentence}'
        for sentence in _of_container(container):
            yield f'the container {container["name"]}: {sentence}'


def _of_context(context):
    if context.get('privileged'):
        yield 'it is privileged'
    if context.get('allowPrivilegeEscalation') is not False:
        yield 'allowPrivilegeEscalation is not false'
    if context.get('runAsNonRoot') is not True:
        yield 'runAsNonRoot is not true'
    if not context.get('runAsUser'):
        yield 'it is root'
    if context.get('seccompProfile', {}).get('type') not in (
            'RuntimeDefault', 'Localhost'):
        yield 'there is no seccomp profile'
    if context.get('capabilities') != {'drop': ['ALL']}:
        yield 'capabilities are not dropped'
    if context.get('readOnlyRootFilesystem') is not True:
        yield 'the root filesystem is writable'


def _of_container(container):
    if any('hostPort' in port for port in container.get('ports', [])):
        yield 'it has a port of the host'
    resources = container.get('resources', {})
    if not {'cpu', 'memory'} <= set(resources.get('requests', {})):
        yield 'it does not say what it needs'
    if 'memory' not in resources.get('limits', {}):
        yield 'its memory is not limited'
