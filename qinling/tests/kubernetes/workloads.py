# SPDX-License-Identifier: Apache-2.0
"""Defaults and checks of other objects than pods."""

import base64
import ipaddress
import re

from qinling.tests.kubernetes import names
from qinling.tests.kubernetes import pods
from qinling.tests.kubernetes import quantities
from qinling.tests.kubernetes import selectors


def default_deployment(value):
    spec = value['spec']
    for name, number in (('replicas', 1), ('revisionHistoryLimit', 10),
                         ('progressDeadlineSeconds', 600)):
        spec.setdefault(name, number)
    strategy = spec.setdefault('strategy', {})
    if strategy.setdefault('type', 'RollingUpdate') == 'RollingUpdate':
        rolling = strategy.setdefault('rollingUpdate', {})
        rolling.setdefault('maxSurge', '25%')
        rolling.setdefault('maxUnavailable', '25%')
    _default_template(spec['template'])


def default_replica_set(value):
    value['spec'].setdefault('replicas', 1)
    if 'template' in value['spec']:
        _default_template(value['spec']['template'])


def _default_template(template):
    template.setdefault('metadata', {})
    if 'spec' in template:
        pods.default(template)


def default_secret(value):
    value.setdefault('type', 'Opaque')
    for key, text in value.pop('stringData', {}).items():
        value.setdefault('data', {})[key] = base64.b64encode(
            text.encode()).decode()


def default_budget(value):
    value.setdefault('spec', {})


def default_namespace(value):
    value.setdefault('spec', {}).setdefault('finalizers', ['kubernetes'])
    value['metadata'].setdefault('labels', {})[
        'kubernetes.io/metadata.name'] = value['metadata'].get('name', '')


def default_policy(value):
    spec = value.setdefault('spec', {})
    if 'policyTypes' not in spec:
        spec['policyTypes'] = ['Ingress'] + (
            ['Egress'] if 'egress' in spec else [])
    for rule in [*spec.get('ingress', ()), *spec.get('egress', ())]:
        for port in rule.get('ports', ()):
            port.setdefault('protocol', 'TCP')


def check_replicated(causes, value, old):
    """Check a deployment or a replica set."""
    spec = value['spec']
    if spec['replicas'] < 0:
        causes.invalid('spec.replicas', spec['replicas'],
                       'must be greater than or equal to 0')
    if spec.get('minReadySeconds', 0) < 0:
        causes.invalid('spec.minReadySeconds', spec['minReadySeconds'],
                       'must be greater than or equal to 0')
    _selector(causes, spec)
    template = spec.get('template', {})
    names.labels(causes, template.get('metadata', {}).get('labels', {}),
                 'spec.template.labels')
    if 'spec' not in template:
        causes.required('spec.template.spec')
    else:
        pods.check(causes, template['spec'], 'spec.template.spec')
        policy = template['spec']['restartPolicy']
        if policy != 'Always':
            causes.unsupported('spec.template.spec.restartPolicy', policy,
                               ['Always'])
        if 'activeDeadlineSeconds' in template['spec']:
            causes.forbidden('spec.template.spec.activeDeadlineSeconds',
                             'activeDeadlineSeconds in ReplicaSet is not '
                             'Supported')
    if old and old['spec']['selector'] != spec['selector']:
        causes.invalid('spec.selector', 'LabelSelector',
                       'field is immutable')


def _selector(causes, spec):
    selector = spec['selector']
    names.selector(causes, selector, 'spec.selector')
    template_labels = spec.get('template', {}).get('metadata',
                                                   {}).get('labels', {})
    if not selector:
        causes.invalid('spec.selector', 'LabelSelector', 'empty selector is '
                       'invalid for deployment')
    elif not selectors.matches(selector, template_labels):
        causes.invalid('spec.template.metadata.labels', 'map',
                       '`selector` does not match template `labels`')


def check_deployment(causes, value, old):
    check_replicated(causes, value, old)
    spec = value['spec']
    if spec['progressDeadlineSeconds'] <= spec.get('minReadySeconds', 0):
        causes.invalid('spec.progressDeadlineSeconds',
                       spec['progressDeadlineSeconds'],
                       'must be greater than minReadySeconds')
    strategy = spec['strategy']
    if strategy['type'] == 'Recreate':
        if 'rollingUpdate' in strategy:
            causes.forbidden('spec.strategy.rollingUpdate', 'may not be '
                             "specified when strategy `type` is 'Recreate'")
    elif strategy['type'] != 'RollingUpdate':
        causes.unsupported('spec.strategy.type', strategy['type'],
                           ('Recreate', 'RollingUpdate'))
    else:
        rolling = strategy['rollingUpdate']
        for name, number in rolling.items():
            int_or_percent(causes, number,
                           f'spec.strategy.rollingUpdate.{name}')
        if all(str(number).rstrip('%') == '0'
               for number in rolling.values()):
            causes.invalid('spec.strategy.rollingUpdate.maxUnavailable', 0,
                           'may not be 0 when `maxSurge` is 0')


def int_or_percent(causes, value, field):
    if isinstance(value, str):
        if not re.fullmatch(r'\d+%', value):
            causes.invalid(field, value, 'a valid percent string must be a '
                           "numeric string followed by an ending '%'")
    elif not isinstance(value, int) or isinstance(value, bool) or value < 0:
        causes.invalid(field, value, 'must be greater than or equal to 0')


def check_budget(causes, value, _old):
    spec = value['spec']
    bounds = [name for name in ('minAvailable', 'maxUnavailable')
              if name in spec]
    if len(bounds) > 1:
        causes.invalid('spec', 'PodDisruptionBudgetSpec', 'minAvailable and '
                       'maxUnavailable cannot be both set')
    for name in bounds:
        int_or_percent(causes, spec[name], f'spec.{name}')
    names.selector(causes, spec.get('selector', {}), 'spec.selector')


def check_quota(causes, value, _old):
    for name, text in value.get('spec', {}).get('hard', {}).items():
        if quantities.parse(text) < 0:
            causes.invalid(f'spec.hard[{name}]', text,
                           'must be greater than or equal to 0')


def check_policy(causes, value, _old):
    spec = value['spec']
    names.selector(causes, spec.get('podSelector', {}), 'spec.podSelector')
    for kind in spec['policyTypes']:
        if kind not in ('Ingress', 'Egress'):
            causes.unsupported('spec.policyTypes', kind,
                               ('Egress', 'Ingress'))
    for direction, peers in (('ingress', 'from'), ('egress', 'to')):
        for number, rule in enumerate(spec.get(direction, ())):
            path = f'spec.{direction}[{number}]'
            for place, peer in enumerate(rule.get(peers, ())):
                _peer(causes, peer, f'{path}.{peers}[{place}]')


def _peer(causes, peer, path):
    if not peer:
        causes.required(path, 'must specify a peer')
    if 'ipBlock' in peer and len(peer) > 1:
        causes.forbidden(path, 'may not specify both ipBlock and another '
                         'peer')
    for name in ('podSelector', 'namespaceSelector'):
        names.selector(causes, peer.get(name, {}), f'{path}.{name}')
    if 'ipBlock' in peer:
        _block(causes, peer['ipBlock'], f'{path}.ipBlock')


def _block(causes, block, path):
    network = _network(causes, block['cidr'], f'{path}.cidr')
    for number, text in enumerate(block.get('except', ())):
        place = f'{path}.except[{number}]'
        exception = _network(causes, text, place)
        if network and exception and (
                exception == network or network.version != exception.version
                or not exception.subnet_of(network)):
            causes.invalid(place, text, 'must be a strict subset of `cidr`')


def _network(causes, text, path):
    """Return the network of a text in canonical form, else ``None``."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        network = None
    if network is None or str(network) != text:
        causes.invalid(path, text, 'must be a valid CIDR value, (e.g. '
                       '10.9.8.0/24 or 2001:db8::/64)')
        return None
    return network


def check_secret(causes, value, old):
    for name in ('data', 'binaryData'):
        for key in value.get(name, ()):
            if not re.fullmatch(r'[-._a-zA-Z0-9]{1,253}', key):
                causes.invalid(f'data[{key}]', key, 'a valid config key must '
                               "consist of alphanumeric characters, '-', '_' "
                               "or '.'")
    if old and old.get('immutable') and (
            old.get('data') != value.get('data')
            or not value.get('immutable')):
        causes.forbidden('data', 'field is immutable when `immutable` is set')
    if old and old.get('type') != value.get('type'):
        causes.invalid('type', value.get('type'), 'field is immutable')


def check_lease(causes, value, _old):
    spec = value.get('spec', {})
    if spec.get('leaseDurationSeconds', 1) <= 0:
        causes.invalid('spec.leaseDurationSeconds',
                       spec['leaseDurationSeconds'], 'must be greater than 0')
    if spec.get('leaseTransitions', 0) < 0:
        causes.invalid('spec.leaseTransitions', spec['leaseTransitions'],
                       'must be greater than or equal to 0')


def check_pod(causes, value, old):
    if old is None:
        pods.check(causes, value['spec'])
    elif old['spec'] != value['spec']:
        pods.check_update(causes, old['spec'], value['spec'])


DEFAULTS = {
    'pods': pods.default, 'deployments': default_deployment,
    'replicasets': default_replica_set, 'secrets': default_secret,
    'poddisruptionbudgets': default_budget, 'namespaces': default_namespace,
    'networkpolicies': default_policy,
}
CHECKS = {
    'pods': check_pod, 'deployments': check_deployment,
    'replicasets': check_replicated, 'secrets': check_secret,
    'configmaps': check_secret, 'poddisruptionbudgets': check_budget,
    'resourcequotas': check_quota, 'networkpolicies': check_policy,
    'leases': check_lease,
}
NEED_SPEC = {'pods', 'deployments', 'replicasets'}
