# SPDX-License-Identifier: Apache-2.0
"""Environment of a container, resolved like in the kubelet.

https://kubernetes.io/docs/tasks/inject-data-application/\
define-interdependent-environment-variables/
"""

import base64
import re

from qinling.tests.kubernetes import quantities
from qinling.tests.kubernetes import resources

_REFERENCE = re.compile(r'\$(?:(\$)|\(([^()]*)\))')
_KEYED = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]")
SERVICE = '10.96.0.1'  # the address of the API server in the cluster


class ConfigError(Exception):
    """Missing reference in the configuration of a container."""


def expand(text, variables):
    """Replace ``$(NAME)`` by the value of a known variable, and ``$$`` by
    ``$``."""
    def replace(match):
        if match[1]:
            return '$'
        return variables.get(match[2], match[0])
    return _REFERENCE.sub(replace, text)


def resolve(store, pod, container):
    """Return {name: value} of a container.

    :raises ConfigError: a referenced object is missing.
    """
    variables = {
        'HOSTNAME': pod['metadata']['name'],
        'KUBERNETES_SERVICE_HOST': SERVICE, 'KUBERNETES_SERVICE_PORT': '443',
        'KUBERNETES_SERVICE_PORT_HTTPS': '443',
        'KUBERNETES_PORT': f'tcp://{SERVICE}:443',
        'KUBERNETES_PORT_443_TCP': f'tcp://{SERVICE}:443',
        'KUBERNETES_PORT_443_TCP_PROTO': 'tcp',
        'KUBERNETES_PORT_443_TCP_PORT': '443',
        'KUBERNETES_PORT_443_TCP_ADDR': SERVICE}
    for source in container.get('envFrom', ()):
        variables.update(_all_of(store, pod, source))
    for variable in container.get('env', ()):
        if 'valueFrom' in variable:
            value = _value(store, pod, container, variable['valueFrom'])
            if value is not None:
                variables[variable['name']] = value
        else:
            variables[variable['name']] = expand(variable.get('value', ''),
                                                 variables)
    return variables


def _all_of(store, pod, source):
    prefix = source.get('prefix', '')
    kind = 'secret' if 'secretRef' in source else 'configmap'
    reference = source.get('secretRef') or source['configMapRef']
    data = _data(store, pod, kind, reference)
    return {prefix + key: value for key, value in (data or {}).items()}


def _data(store, pod, kind, reference):
    """Return {key: text} of a secret or a config map; ``None`` for a missing
    optional object."""
    resource = (resources.SECRETS if kind == 'secret'
                else resources.CONFIG_MAPS)
    value = store.get(resource, pod['metadata']['namespace'],
                      reference['name'])
    if value is None:
        if reference.get('optional'):
            return None
        raise ConfigError(f'{kind} "{reference["name"]}" not found')
    data = value.get('data', {})
    if kind == 'secret':
        return {key: base64.b64decode(text).decode('utf-8', 'replace')
                for key, text in data.items()}
    return data


def _value(store, pod, container, source):
    for kind, name in (('secret', 'secretKeyRef'),
                       ('configmap', 'configMapKeyRef')):
        if name not in source:
            continue
        reference = source[name]
        data = _data(store, pod, kind, reference)
        if data is not None and reference['key'] in data:
            return data[reference['key']]
        if reference.get('optional'):
            return None
        raise ConfigError(
            f'couldn\'t find key {reference["key"]} in '
            f'{"Secret" if kind == "secret" else "ConfigMap"} '
            f'{pod["metadata"]["namespace"]}/{reference["name"]}')
    if 'resourceFieldRef' in source:
        return _resource(container, source['resourceFieldRef'])
    return _field(pod, source['fieldRef']['fieldPath'])


def _field(pod, path):
    keyed = _KEYED.fullmatch(path)
    if keyed:
        return pod['metadata'].get(keyed[1], {}).get(keyed[2], '')
    if path == 'status.podIPs':
        return ','.join(address['ip'] for address in pod['status']['podIPs'])
    value = pod
    for name in path.split('.'):
        value = value.get(name, {})
    return value or ''


def _resource(container, source):
    kind, _dot, name = source['resource'].partition('.')
    number = quantities.parse(container['resources'].get(kind, {}).get(
        name, '0'))
    divisor = quantities.parse(source.get('divisor') or '1')
    return str(-(-number // (divisor or 1)))
