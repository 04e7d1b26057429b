# SPDX-License-Identifier: Apache-2.0
"""Defaults and checks of pods."""

from qinling.tests.kubernetes import names
from qinling.tests.kubernetes import quantities
from qinling.tests.kubernetes import store

RESTARTS = ('Always', 'OnFailure', 'Never')
PULLS = ('Always', 'IfNotPresent', 'Never')
PROBES = ('startupProbe', 'readinessProbe', 'livenessProbe')
HANDLERS = ('exec', 'httpGet', 'tcpSocket', 'grpc')
FIELD_PATHS = ('metadata.name', 'metadata.namespace', 'metadata.uid',
               'spec.nodeName', 'spec.serviceAccountName', 'status.hostIP',
               'status.hostIPs', 'status.podIP', 'status.podIPs')


def default(pod):
    """Fill in the defaults of the API server."""
    spec = pod['spec']
    for name, value in (
            ('restartPolicy', 'Always'), ('dnsPolicy', 'ClusterFirst'),
            ('schedulerName', 'default-scheduler'), ('securityContext', {}),
            ('terminationGracePeriodSeconds', 30),
            ('enableServiceLinks', True)):
        spec.setdefault(name, value)
    for kind in ('initContainers', 'containers'):
        for container in spec.get(kind, ()):
            _default_container(container)
    for volume in spec.get('volumes', ()):
        for kind in ('secret', 'configMap', 'projected'):
            if kind in volume:
                volume[kind].setdefault('defaultMode', 0o644)
        if len(volume) == 1:
            volume['emptyDir'] = {}


def _default_container(container):
    image = container.get('image', '')
    tag = image.rpartition('/')[2].partition(':')[2]
    latest = '@' not in image and tag in ('', 'latest')
    container.setdefault('imagePullPolicy',
                         'Always' if latest else 'IfNotPresent')
    container.setdefault('terminationMessagePath', '/dev/termination-log')
    container.setdefault('terminationMessagePolicy', 'File')
    resources = container.setdefault('resources', {})
    if 'limits' in resources:
        resources['requests'] = {**resources['limits'],
                                 **resources.get('requests', {})}
    for port in container.get('ports', ()):
        port.setdefault('protocol', 'TCP')
    for variable in container.get('env', ()):
        reference = variable.get('valueFrom', {}).get('fieldRef')
        if reference:
            reference.setdefault('apiVersion', 'v1')
    for name in PROBES:
        if name in container:
            _default_probe(container[name])


def _default_probe(probe):
    for name, value in (('timeoutSeconds', 1), ('periodSeconds', 10),
                        ('successThreshold', 1), ('failureThreshold', 3)):
        probe[name] = probe.get(name) or value
    if 'httpGet' in probe:
        probe['httpGet'].setdefault('scheme', 'HTTP')
        probe['httpGet'].setdefault('path', '/')


def admit(pod):
    """Fill in the additions of admission to a new pod."""
    spec = pod['spec']
    spec.setdefault('serviceAccountName', 'default')
    spec['serviceAccount'] = spec['serviceAccountName']
    spec.setdefault('priority', 0)
    spec.setdefault('preemptionPolicy', 'PreemptLowerPriority')
    tolerations = spec.setdefault('tolerations', [])
    for key in ('not-ready', 'unreachable'):
        key = f'node.kubernetes.io/{key}'
        if not any(toleration.get('key', key) == key
                   for toleration in tolerations):
            tolerations.append({'key': key, 'operator': 'Exists',
                                'effect': 'NoExecute',
                                'tolerationSeconds': 300})
    if spec.get('automountServiceAccountToken', True):
        _mount_token(spec)
    pod['status'] = {'phase': 'Pending', 'qosClass': quality(spec)}


def _mount_token(spec):
    name = 'kube-api-access-' + names.suffix()
    spec.setdefault('volumes', []).append({'name': name, 'projected': {
        'defaultMode': 0o644, 'sources': [
            {'serviceAccountToken': {'path': 'token',
                                     'expirationSeconds': 3607}}]}})
    for container in [*spec.get('initContainers', ()), *spec['containers']]:
        container.setdefault('volumeMounts', []).append({
            'name': name, 'readOnly': True, 'mountPath':
            '/var/run/secrets/kubernetes.io/serviceaccount'})


def quality(spec):
    """Return the class of the quality of service."""
    amounts = [container.get('resources', {})
               for container in spec['containers']]
    if not any(container.get('requests') or container.get('limits')
               for container in amounts):
        return 'BestEffort'
    for amount in amounts:
        limits, requests = amount.get('limits', {}), amount.get('requests', {})
        for name in ('cpu', 'memory'):
            if name not in limits or quantities.parse(
                    limits[name]) != quantities.parse(
                        requests.get(name, limits[name])):
                return 'Burstable'
    return 'Guaranteed'


def check(causes, spec, path='spec'):
    """Check the spec of a pod."""
    if spec['restartPolicy'] not in RESTARTS:
        causes.unsupported(f'{path}.restartPolicy', spec['restartPolicy'],
                           sorted(RESTARTS))
    if spec.get('activeDeadlineSeconds', 1) < 1:
        causes.invalid(f'{path}.activeDeadlineSeconds',
                       spec['activeDeadlineSeconds'],
                       'must be between 1 and 2147483647, inclusive')
    volumes = _volumes(causes, spec, path)
    names.labels(causes, spec.get('nodeSelector', {}),
                 f'{path}.nodeSelector')
    container_names = set()
    if not spec['containers']:
        causes.required(f'{path}.containers')
    for kind in ('initContainers', 'containers'):
        for number, container in enumerate(spec.get(kind, ())):
            place = f'{path}.{kind}[{number}]'
            if container['name'] in container_names:
                causes.duplicate(f'{place}.name', container['name'])
            container_names.add(container['name'])
            _container(causes, container, place, volumes)


def _volumes(causes, spec, path):
    volume_names = set()
    for number, volume in enumerate(spec.get('volumes', ())):
        place = f'{path}.volumes[{number}]'
        name = volume['name']
        _dns_label(causes, name, f'{place}.name')
        if name in volume_names:
            causes.duplicate(f'{place}.name', name)
        volume_names.add(name)
        if len(volume) > 2:
            causes.forbidden(place, 'may not specify more than 1 volume type')
        if 'secret' in volume and not volume['secret'].get('secretName'):
            causes.required(f'{place}.secret.secretName')
    return volume_names


def _dns_label(causes, value, field):
    if not value:
        causes.required(field)
    elif len(value) > 63 or not names.DNS_LABEL.fullmatch(value):
        causes.invalid(field, value, names.A_LABEL)


def _container(causes, container, path, volumes):
    _dns_label(causes, container['name'], f'{path}.name')
    image = container.get('image')
    if not image:
        causes.required(f'{path}.image')
    elif image != image.strip():
        causes.invalid(f'{path}.image', image,
                       'must not have leading or trailing whitespace')
    if container['imagePullPolicy'] not in PULLS:
        causes.unsupported(f'{path}.imagePullPolicy',
                           container['imagePullPolicy'], PULLS)
    _environment(causes, container, path)
    _ports(causes, container, path)
    _mounts(causes, container, path, volumes)
    resources(causes, container['resources'], f'{path}.resources')
    for name in PROBES:
        if name in container:
            _probe(causes, container[name], f'{path}.{name}', name)


def _environment(causes, container, path):
    variable_names = set()
    for number, variable in enumerate(container.get('env', ())):
        place = f'{path}.env[{number}]'
        name = variable['name']
        if not name:
            causes.required(f'{place}.name')
        elif not names.ENVIRONMENT.fullmatch(name):
            causes.invalid(f'{place}.name', name, 'a valid environment '
                           'variable name must consist only of printable '
                           "ASCII characters other than '='")
        if name in variable_names:
            causes.duplicate(f'{place}.name', name)
        variable_names.add(name)
        if 'valueFrom' in variable:
            _value_from(causes, variable, f'{place}.valueFrom')


def _value_from(causes, variable, path):
    source = variable['valueFrom']
    if variable.get('value'):
        causes.invalid(path, '', 'may not be specified when `value` is not '
                       'empty')
    if len(source) != 1:
        causes.invalid(path, '', 'must specify one of: `fieldRef`, '
                       '`resourceFieldRef`, `configMapKeyRef` or '
                       '`secretKeyRef`')
    reference = source.get('fieldRef')
    if reference and reference['fieldPath'] not in FIELD_PATHS and not (
            reference['fieldPath'].startswith(('metadata.labels[',
                                               'metadata.annotations['))):
        causes.unsupported(f'{path}.fieldRef.fieldPath',
                           reference['fieldPath'], FIELD_PATHS)
    for kind in ('secretKeyRef', 'configMapKeyRef'):
        if kind in source and not source[kind].get('name'):
            causes.required(f'{path}.{kind}.name')


def _ports(causes, container, path):
    port_names = set()
    for number, port in enumerate(container.get('ports', ())):
        place = f'{path}.ports[{number}]'
        if not 0 < port['containerPort'] < 65536:
            causes.invalid(f'{place}.containerPort', port['containerPort'],
                           'must be between 1 and 65535, inclusive')
        name = port.get('name')
        if name and not names.PORT.fullmatch(name):
            causes.invalid(f'{place}.name', name, 'must be no more than 15 '
                           'characters, contain at least one letter (a-z), '
                           'and only lower case alphanumerics and hyphens')
        if name and name in port_names:
            causes.duplicate(f'{place}.name', name)
        port_names.add(name)
        if port['protocol'] not in ('SCTP', 'TCP', 'UDP'):
            causes.unsupported(f'{place}.protocol', port['protocol'],
                               ('SCTP', 'TCP', 'UDP'))


def _mounts(causes, container, path, volumes):
    mount_paths = set()
    for number, mount in enumerate(container.get('volumeMounts', ())):
        place = f'{path}.volumeMounts[{number}]'
        if mount['name'] not in volumes:
            causes.missing(f'{place}.name', mount['name'])
        if not mount['mountPath']:
            causes.required(f'{place}.mountPath')
        if mount['mountPath'] in mount_paths:
            causes.invalid(f'{place}.mountPath', mount['mountPath'],
                           'must be unique')
        mount_paths.add(mount['mountPath'])


def resources(causes, amounts, path):
    """Check the requests and limits of a container."""
    limits, requests = amounts.get('limits', {}), amounts.get('requests', {})
    for kind, values in (('limits', limits), ('requests', requests)):
        for name, text in values.items():
            place = f'{path}.{kind}[{name}]'
            if quantities.parse(text) < 0:
                causes.invalid(place, text,
                               'must be greater than or equal to 0')
            if '/' not in name and name not in (
                    'cpu', 'memory', 'ephemeral-storage') \
                    and not name.startswith('hugepages-'):
                causes.invalid(place, name,
                               'must be a standard resource for containers')
    for name, text in requests.items():
        if name in limits and quantities.parse(text) > quantities.parse(
                limits[name]):
            causes.invalid(f'{path}.requests', text, 'must be less than or '
                           f'equal to {name} limit of {limits[name]}')


def _probe(causes, probe, path, name):
    handlers = [kind for kind in HANDLERS if kind in probe]
    if not handlers:
        causes.required(path, 'must specify a handler type')
    elif len(handlers) > 1:
        causes.forbidden(f'{path}.{handlers[1]}',
                         'may not specify more than 1 handler type')
    for field in ('initialDelaySeconds', 'timeoutSeconds', 'periodSeconds',
                  'failureThreshold'):
        if probe.get(field, 0) < 0:
            causes.invalid(f'{path}.{field}', probe[field],
                           'must be greater than or equal to 0')
    if name != 'readinessProbe' and probe['successThreshold'] != 1:
        causes.invalid(f'{path}.successThreshold', probe['successThreshold'],
                       'must be 1')


def check_update(causes, old, new):
    """Check an update of a pod, limited to images, a deadline, and metadata.
    """
    if _mutable(old, new) != old:
        causes.forbidden('spec', (
            'pod updates may not change fields other than '
            '`spec.containers[*].image`,`spec.initContainers[*].image`,'
            '`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions '
            'to existing tolerations),`spec.terminationGracePeriodSeconds` '
            '(allow it to be set to 1 if it was previously negative)'))
    before, after = (spec.get('activeDeadlineSeconds') for spec in (old, new))
    if before is not None and (after is None or after > before):
        causes.invalid('spec.activeDeadlineSeconds', after, 'must be less '
                       'than or equal to previous value')


def _mutable(old, new):
    """Return a new spec with the old values of mutable fields."""
    new = store.copy(new)
    for kind in ('initContainers', 'containers'):
        for before, after in zip(old.get(kind, ()), new.get(kind, ())):
            after['image'] = before['image']
    new.pop('activeDeadlineSeconds', None)
    if 'activeDeadlineSeconds' in old:
        new['activeDeadlineSeconds'] = old['activeDeadlineSeconds']
    tolerations = old.get('tolerations', [])
    if all(toleration in new.get('tolerations', ())
           for toleration in tolerations):
        new['tolerations'] = tolerations
    return new


def check_resize(causes, old, new):
    """Check a resize, limited to cpu and memory of containers."""
    same = store.copy(new)
    for before, after in zip(old['containers'], same['containers']):
        after['resources'] = before['resources']
    if same != old:
        causes.forbidden('spec', 'only cpu and memory resources are mutable')
        return
    if quality(old) != quality(new):
        causes.invalid('spec', quality(new),
                       'Pod QOS Class may not change as a result of resizing')
    for number, (before, after) in enumerate(zip(old['containers'],
                                                 new['containers'])):
        path = f'spec.containers[{number}].resources'
        resources(causes, after['resources'], path)
        for kind in ('limits', 'requests'):
            for name in before['resources'].get(kind, ()):
                if name not in after['resources'].get(kind, {}):
                    causes.forbidden(f'{path}.{kind}',
                                     f'resource {kind} cannot be removed')
