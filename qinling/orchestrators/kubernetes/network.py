# SPDX-License-Identifier: Apache-2.0
"""The NetworkPolicies of the namespace of workers.

Policies add up: what one allows, another one cannot forbid.  So the first
selects every pod and allows nothing in, the second opens the port of agents
for engines.
"""

from kubernetes import client

from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import pods

_EVERYWHERE = {4: '0.0.0.0/0', 6: '::/0'}


def policies(options):
    """The V1NetworkPolicy list for the configuration group ``kubernetes``.
    """
    return [
        _policy('qinling-default', client.V1NetworkPolicySpec(
            pod_selector=_selector(labels.MANAGED),
            policy_types=['Ingress', 'Egress'],
            egress=_egress(options) if options.allow_egress else [])),
        _policy('qinling-engines', client.V1NetworkPolicySpec(
            pod_selector=client.V1LabelSelector(
                match_labels=labels.MANAGED, match_expressions=[
                    client.V1LabelSelectorRequirement(
                        key=labels.STATE, operator='In',
                        values=[labels.IDLE, labels.CLAIMED])]),
            policy_types=['Ingress'],
            ingress=[client.V1NetworkPolicyIngressRule(
                _from=_engines(options), ports=[_port('TCP', pods.PORT)])])),
    ]


def _engines(options):
    peers = [client.V1NetworkPolicyPeer(
        namespace_selector=_selector({
            'kubernetes.io/metadata.name': options.engine_namespace}),
        pod_selector=_selector(options.engine_labels))]
    return peers + [client.V1NetworkPolicyPeer(ip_block=client.V1IPBlock(
        cidr=cidr)) for cidr in options.engine_cidrs]


def _egress(options):
    """To everywhere but the blocked networks, and to the name service of
    the cluster, which may lie in one of them."""
    blocks = []
    for family, everywhere in _EVERYWHERE.items():
        blocked = [cidr for cidr in options.blocked_cidrs
                   if (':' in cidr) == (family == 6)]
        blocks.append(client.V1NetworkPolicyPeer(ip_block=client.V1IPBlock(
            cidr=everywhere, _except=blocked or None)))
    names = client.V1NetworkPolicyPeer(
        namespace_selector=_selector({
            'kubernetes.io/metadata.name': 'kube-system'}),
        pod_selector=_selector({'k8s-app': 'kube-dns'}))
    return [client.V1NetworkPolicyEgressRule(to=blocks),
            client.V1NetworkPolicyEgressRule(
                to=[names], ports=[_port('UDP', 53), _port('TCP', 53)])]


def _policy(name, spec):
    return client.V1NetworkPolicy(
        api_version='networking.k8s.io/v1', kind='NetworkPolicy',
        metadata=client.V1ObjectMeta(name=name, labels=dict(labels.MANAGED)),
        spec=spec)


def _selector(wanted):
    return client.V1LabelSelector(match_labels=dict(wanted))


def _port(protocol, number):
    return client.V1NetworkPolicyPort(protocol=protocol, port=number)
