# SPDX-License-Identifier: Apache-2.0
"""Reachability by network policies, as defined by Kubernetes.

An endpoint is a dict: ``namespace`` and ``labels`` of a pod, and an
``address``.  Network plugins decide whether an ipBlock includes pods; here an
ipBlock does, and more connections pass.
"""

import ipaddress

from qinling.tests.unit.deploy import manifests

POD = '10.244.0.1'  # of every pod


def pod(namespace, **labels):
    """Return the endpoint of a pod; underscores stand for the usual prefix."""
    return {'namespace': namespace, 'address': POD, 'labels': {
        'app.kubernetes.io/' + key.replace('_', '-'): value
        for key, value in labels.items()}}


def machine(address):
    """Return an endpoint outside of pods."""
    return {'address': address, 'namespace': None, 'labels': {}}


def allowed(policies, source, target, port, protocol='TCP'):
    """Return whether a connection is possible."""
    return (_passes(policies, 'Egress', source, target, port, protocol)
            and _passes(policies, 'Ingress', target, source, port, protocol))


def _passes(policies, direction, subject, peer, port, protocol):
    concerned = [policy['spec'] for policy in policies
                 if direction in policy['spec']['policyTypes']
                 and _concerns(policy, subject)]
    side = {'Egress': 'to', 'Ingress': 'from'}[direction]
    # Without any policy everything passes, with some what one lets through.
    return not concerned or any(
        _matches_port(rule, port, protocol) and _matches_peer(
            rule.get(side), peer, subject['namespace'])
        for spec in concerned for rule in spec.get(direction.lower(), []))


def _concerns(policy, subject):
    return (subject['namespace'] == policy['metadata']['namespace']
            and manifests.selects(policy['spec']['podSelector'],
                                  subject['labels']))


def _matches_port(rule, port, protocol):
    return 'ports' not in rule or any(
        allowed_port.get('port') in (None, port)
        and allowed_port.get('protocol', 'TCP') == protocol
        for allowed_port in rule['ports'])


def _matches_peer(peers, endpoint, home):
    return peers is None or any(
        _is_peer(peer, endpoint, home) for peer in peers)


def _is_peer(peer, endpoint, home):
    if 'ipBlock' in peer:
        return _in_block(peer['ipBlock'],
                         ipaddress.ip_address(endpoint['address']))
    if endpoint['namespace'] is None:
        return False
    if 'namespaceSelector' in peer:
        # Kubernetes gives every namespace this label.
        labels = {'kubernetes.io/metadata.name': endpoint['namespace']}
        if not manifests.selects(peer['namespaceSelector'], labels):
            return False
    elif endpoint['namespace'] != home:
        return False
    return manifests.selects(peer.get('podSelector', {}), endpoint['labels'])


def _in_block(block, address):
    return address in ipaddress.ip_network(block['cidr']) and not any(
        address in ipaddress.ip_network(exception)
        for exception in block.get('except', []))
