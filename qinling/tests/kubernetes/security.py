# SPDX-License-Identifier: Apache-2.0
"""The pod security standards "baseline" and "restricted".

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
    """Sentences on what a pod's spec lacks for a level."""
    found = []
    if level in ('baseline', 'restricted'):
        found += _baseline(spec)
    if level == 'restricted':
        found += _restricted(spec)
    return found


def _containers(spec):
    return [(each['name'], each.get('securityContext', {}))
            for kind in ('initContainers', 'containers')
            for each in spec.get(kind, ())]


def _named(bad):
    if len(bad) == 1:
        return f'container "{bad[0]}"'
    return 'containers ' + ', '.join(f'"{name}"' for name in bad)


def _baseline(spec):
    found = []
    shared = [name for name in ('hostNetwork', 'hostPID', 'hostIPC')
              if spec.get(name)]
    if shared:
        found.append('host namespaces (' + ', '.join(
            f'{name}=true' for name in shared) + ')')
    hosts = [each['name'] for each in spec.get('volumes', ())
             if 'hostPath' in each]
    if hosts:
        found.append(f'hostPath volumes (volume "{hosts[0]}")')
    bad = [name for name, context in _containers(spec)
           if context.get('privileged')]
    if bad:
        found.append(f'privileged ({_named(bad)} must not set '
                     'securityContext.privileged=true)')
    bad = [name for name, context in _containers(spec)
           if set(context.get('capabilities', {}).get('add', ())) - ADDABLE]
    if bad:
        found.append(f'non-default capabilities ({_named(bad)})')
    bad = [each['name'] for each in spec['containers']
           if any(port.get('hostPort') for port in each.get('ports', ()))]
    if bad:
        found.append(f'hostPort ({_named(bad)})')
    return found


def _restricted(spec):
    pod = spec.get('securityContext', {})
    every = _containers(spec)
    found = []
    bad = [name for name, context in every
           if context.get('allowPrivilegeEscalation') is not False]
    if bad:
        found.append(f'allowPrivilegeEscalation != false ({_named(bad)} must '
                     'set securityContext.allowPrivilegeEscalation=false)')
    bad = [name for name, context in every
           if not _dropped(context.get('capabilities', {}))]
    if bad:
        found.append(f'unrestricted capabilities ({_named(bad)} must set '
                     'securityContext.capabilities.drop=["ALL"])')
    bad = [each['name'] for each in spec.get('volumes', ())
           if not VOLUMES.issuperset(set(each) - {'name'})]
    if bad:
        found.append(f'restricted volume types (volume "{bad[0]}")')
    bad = [name for name, context in every if context.get(
        'runAsNonRoot', pod.get('runAsNonRoot')) is not True]
    if bad:
        found.append(f'runAsNonRoot != true (pod or {_named(bad)} must set '
                     'securityContext.runAsNonRoot=true)')
    bad = [name for name, context in every if context.get(
        'runAsUser', pod.get('runAsUser')) == 0]
    if bad:
        found.append(f'runAsUser=0 ({_named(bad)} must not set runAsUser=0)')
    bad = [name for name, context in every if _profile(context, pod)
           not in PROFILES]
    if bad:
        found.append(f'seccompProfile (pod or {_named(bad)} must set '
                     'securityContext.seccompProfile.type to '
                     '"RuntimeDefault" or "Localhost")')
    return found


def _dropped(capabilities):
    return 'ALL' in capabilities.get('drop', ()) and {
        'NET_BIND_SERVICE'}.issuperset(capabilities.get('add', ()))


def _profile(context, pod):
    return context.get('seccompProfile',
                       pod.get('seccompProfile', {})).get('type')
