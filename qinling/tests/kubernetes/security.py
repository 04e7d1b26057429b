# SPDX-License-Identifier: Apache-2.0
"""Pod security standards "baseline" and "restricted".

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

LABEL = 'pod-security.kubernetes.io/enforce'
VOLUMES = {'configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral',
           'persistentVolumeClaim', 'projected', 'secret'}
ADDABLE = {'AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL',
           'MKNOD', 'NET_BIND_SERVICE', 'SETFCAP', 'SETGID', 'SETPCAP',
           'SETUID', 'SYS_CHROOT'}
PROFILES = ('RuntimeDefault', 'Localhost')


def violations(level, spec):
    """Return sentences on the violations of a level in a pod's spec."""
    sentences = []
    if level in ('baseline', 'restricted'):
        sentences += _baseline(spec)
    if level == 'restricted':
        sentences += _restricted(spec)
    return sentences


def _containers(spec):
    return [(container['name'], container.get('securityContext', {}))
            for kind in ('initContainers', 'containers')
            for container in spec.get(kind, ())]


def _named(bad):
    if len(bad) == 1:
        return f'container "{bad[0]}"'
    return 'containers ' + ', '.join(f'"{name}"' for name in bad)


def _baseline(spec):
    sentences = []
    shared = [name for name in ('hostNetwork', 'hostPID', 'hostIPC')
              if spec.get(name)]
    if shared:
        sentences.append('host namespaces (' + ', '.join(
            f'{name}=true' for name in shared) + ')')
    hosts = [volume['name'] for volume in spec.get('volumes', ())
             if 'hostPath' in volume]
    if hosts:
        sentences.append(f'hostPath volumes (volume "{hosts[0]}")')
    bad = [name for name, context in _containers(spec)
           if context.get('privileged')]
    if bad:
        sentences.append(f'privileged ({_named(bad)} must not set '
                         'securityContext.privileged=true)')
    bad = [name for name, context in _containers(spec)
           if set(context.get('capabilities', {}).get('add', ())) - ADDABLE]
    if bad:
        sentences.append(f'non-default capabilities ({_named(bad)})')
    bad = [container['name'] for container in spec['containers']
           if any(port.get('hostPort') for port in container.get('ports', ()))]
    if bad:
        sentences.append(f'hostPort ({_named(bad)})')
    return sentences


def _restricted(spec):
    pod = spec.get('securityContext', {})
    contexts = _containers(spec)
    sentences = []
    bad = [name for name, context in contexts
           if context.get('allowPrivilegeEscalation') is not False]
    if bad:
        sentences.append(
            f'allowPrivilegeEscalation != false ({_named(bad)} must set '
            'securityContext.allowPrivilegeEscalation=false)')
    bad = [name for name, context in contexts
           if not _dropped(context.get('capabilities', {}))]
    if bad:
        sentences.append(f'unrestricted capabilities ({_named(bad)} must set '
                         'securityContext.capabilities.drop=["ALL"])')
    bad = [volume['name'] for volume in spec.get('volumes', ())
           if not VOLUMES.issuperset(set(volume) - {'name'})]
    if bad:
        sentences.append(f'restricted volume types (volume "{bad[0]}")')
    bad = [name for name, context in contexts if context.get(
        'runAsNonRoot', pod.get('runAsNonRoot')) is not True]
    if bad:
        sentences.append(
            f'runAsNonRoot != true (pod or {_named(bad)} must set '
            'securityContext.runAsNonRoot=true)')
    bad = [name for name, context in contexts if context.get(
        'runAsUser', pod.get('runAsUser')) == 0]
    if bad:
        sentences.append(
            f'runAsUser=0 ({_named(bad)} must not set runAsUser=0)')
    bad = [name for name, context in contexts if _profile(context, pod)
           not in PROFILES]
    if bad:
        sentences.append(f'seccompProfile (pod or {_named(bad)} must set '
                         'securityContext.seccompProfile.type to '
                         '"RuntimeDefault" or "Localhost")')
    return sentences


def _dropped(capabilities):
    return 'ALL' in capabilities.get('drop', ()) and {
        'NET_BIND_SERVICE'}.issuperset(capabilities.get('add', ()))


def _profile(context, pod):
    return context.get('seccompProfile',
                       pod.get('seccompProfile', {})).get('type')
