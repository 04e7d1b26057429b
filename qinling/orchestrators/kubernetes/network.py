# SPDX-License-Identifier: Apache-2.0
"""NetworkPolicies of the namespace of workers.

Policies are additive.  The first policy selects every pod and denies all
ingress; the second policy permits engines to connect to the port of agents.
"""

from collections.abc import Mapping

from kubernetes import client
from oslo_config import cfg

from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import pods

_EVERYWHERE = {4: '0.0.0.0/0', 6: '::/0'}


def create_policies(options: cfg.ConfigOpts.GroupAttr
                    ) -> list[client.V1NetworkPolicy]:
    """Return the policies for the configuration group ``kubernetes``."""
    return [
        _create_policy('qinling-default', client.V1NetworkPolicySpec(
            pod_selector=_create_selector(labels.MANAGED),
            policy_types=['Ingress', 'Egress'],
            egress=_list_egress(options) if options.allow_egress else [])),
        _create_policy('qinling-engines', client.V1NetworkPolicySpec(
            pod_selector=client.V1LabelSelector(
                match_labels=labels.MANAGED, match_expressions=[
                    client.V1LabelSelectorRequirement(
                        key=labels.STATE, operator='In',
                        values=[labels.IDLE, labels.CLAIMED])]),
            policy_types=['Ingress'],
            ingress=[client.V1NetworkPolicyIngressRule(
                _from=_list_engines(options),
                ports=[_create_port('TCP', pods.PORT)])])),
    ]


def _list_engines(options: cfg.ConfigOpts.GroupAttr
                  ) -> list[client.V1NetworkPolicyPeer]:
    peers = [client.V1NetworkPolicyPeer(
        namespace_selector=_create_selector({
            'kubernetes.io/metadata.name': options.engine_namespace}),
        pod_selector=_create_selector(options.engine_labels))]
    return peers + [client.V1NetworkPolicyPeer(ip_block=client.V1IPBlock(
        cidr=cidr)) for cidr in options.engine_cidrs]


def _list_egress(options: cfg.ConfigOpts.GroupAttr
                 ) -> list[client.V1NetworkPolicyEgressRule]:
    """Return the rules for all networks except the blocked networks.

    The name service of the cluster may be in a blocked network.
    """
    blocks = []
    for family, everywhere in _EVERYWHERE.items():
        blocked = [cidr for cidr in options.blocked_cidrs
                   if (':' in cidr) == (family == 6)]
        blocks.append(client.V1NetworkPolicyPeer(ip_block=client.V1IPBlock(
            cidr=everywhere, _except=blocked or None)))
    name_service = client.V1NetworkPolicyPeer(
        namespace_selector=_create_selector({
            'kubernetes.io/metadata.name': 'kube-system'}),
        pod_selector=_create_selector({'k8s-app': 'kube-dns'}))
    return [client.V1NetworkPolicyEgressRule(to=blocks),
            client.V1NetworkPolicyEgressRule(
                to=[name_service],
                ports=[_create_port('UDP', 53), _create_port('TCP', 53)])]


def _create_policy(name: str, spec: client.V1NetworkPolicySpec
                   ) -> client.V1NetworkPolicy:
    return client.V1NetworkPolicy(
        api_version='networking.k8s.io/v1', kind='NetworkPolicy',
        metadata=client.V1ObjectMeta(name=name, labels=dict(labels.MANAGED)),
        spec=spec)


def _create_selector(match_labels: Mapping[str, str]
                     ) -> client.V1LabelSelector:
    return client.V1LabelSelector(match_labels=dict(match_labels))


def _create_port(protocol: str, number: int) -> client.V1NetworkPolicyPort:
    return client.V1NetworkPolicyPort(protocol=protocol, port=number)
