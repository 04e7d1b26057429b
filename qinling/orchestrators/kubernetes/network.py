# SPDX-License-Identifier: Apache-2.0
"""NetworkPolicies of the namespace of workers.

Policies are additive.  The first policy denies all traffic of pods without a
network; the second policy selects all other pods, denies all ingress and
permits the egress of all functions; the third policy permits engines to
connect to the port of agents.  Further policies permit the egress of single
runtimes.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import typing

from kubernetes import client
from oslo_config import cfg

from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import destinations
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import pods

DEFAULT = 'qinling-default'


def write_policies(api: apis.Api, conf: cfg.ConfigOpts) -> None:
    """Create or change the policies, and delete old policies of runtimes."""
    policies = {_get_name(policy): policy for policy in create_policies(
        conf, str(api.configuration.host))}
    networking, namespace = api.networking, api.namespace
    for name, policy in policies.items():
        try:
            api.call(networking.create_namespaced_network_policy, namespace,
                     policy)
        except apis.Rejected as e:
            if e.status != apis.CONFLICT:
                raise
            api.call(networking.patch_namespaced_network_policy, name,
                     namespace, policy, _content_type=apis.MERGE_PATCH)
    for present in api.call(networking.list_namespaced_network_policy,
                            namespace, label_selector=labels.SELECTOR
                            ).get('items') or ():
        if present['metadata']['name'] not in policies:
            with apis.ignore_status(apis.NOT_FOUND):
                api.call(networking.delete_namespaced_network_policy,
                         present['metadata']['name'], namespace)


def create_policies(conf: cfg.ConfigOpts, api_url: str
                    ) -> list[client.V1NetworkPolicy]:
    """Return the policies for a configuration.

    :param api_url: URL of the API server, which functions must not reach.
    """
    options = conf.kubernetes
    return [
        _create_policy('qinling-offline', client.V1NetworkPolicySpec(
            pod_selector=_create_selector({
                **labels.MANAGED, labels.NETWORK: labels.OFFLINE}),
            policy_types=['Ingress', 'Egress'])),
        _create_policy(DEFAULT, client.V1NetworkPolicySpec(
            pod_selector=_select_online(labels.MANAGED),
            policy_types=['Ingress', 'Egress'],
            egress=[_create_name_service_rule(),
                    *_create_rules('egress_cidrs', options.egress_cidrs),
                    *(_list_public(conf, api_url) if options.allow_egress
                      else ())])),
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
        *(_create_policy(f'qinling-egress-{id}', client.V1NetworkPolicySpec(
            pod_selector=_select_online({
                **labels.MANAGED, labels.RUNTIME: id}),
            policy_types=['Egress'],
            egress=_create_rules('runtime_egress', texts)))
          for id, *texts in map(str.split, options.runtime_egress)),
    ]


def _list_engines(options: cfg.ConfigOpts.GroupAttr
                  ) -> list[client.V1NetworkPolicyPeer]:
    peers = [client.V1NetworkPolicyPeer(
        namespace_selector=_create_selector({
            'kubernetes.io/metadata.name': options.engine_namespace}),
        pod_selector=_create_selector(options.engine_labels))]
    # The API server refuses an address without a length of its prefix, and
    # networks with the address of a host.
    return peers + [client.V1NetworkPolicyPeer(ip_block=client.V1IPBlock(
        cidr=str(destinations.parse_network('engine_cidrs', text))))
        for text in options.engine_cidrs]


def _list_public(conf: cfg.ConfigOpts, api_url: str
                 ) -> list[client.V1NetworkPolicyEgressRule]:
    """Return the rules for all public networks except blocked addresses."""
    blocked = [destinations.parse_network('blocked_cidrs', text)
               for text in conf.kubernetes.blocked_cidrs]
    blocked += destinations.list_own_networks(conf, api_url)
    return [_create_block_rule(network, exceptions) for network, exceptions
            in destinations.list_public(blocked)]


def _create_rules(option: str, texts: Iterable[str]
                  ) -> list[client.V1NetworkPolicyEgressRule]:
    """Return the rules for destinations.

    :param option: name of the option with the texts.
    """
    return [_create_block_rule(network, port=port) for network, port in (
        destinations.parse_destination(option, text) for text in texts)]


def _create_block_rule(network: destinations.Network,
                       exceptions: Iterable[destinations.Network] = (),
                       port: int | None = None
                       ) -> client.V1NetworkPolicyEgressRule:
    block = client.V1IPBlock(
        cidr=str(network), _except=list(map(str, exceptions)) or None)
    return client.V1NetworkPolicyEgressRule(
        to=[client.V1NetworkPolicyPeer(ip_block=block)],
        ports=[_create_port(protocol, port) for protocol in ('TCP', 'UDP')]
        if port else None)


def _create_name_service_rule() -> client.V1NetworkPolicyEgressRule:
    name_service = client.V1NetworkPolicyPeer(
        namespace_selector=_create_selector({
            'kubernetes.io/metadata.name': 'kube-system'}),
        pod_selector=_create_selector({'k8s-app': 'kube-dns'}))
    return client.V1NetworkPolicyEgressRule(
        to=[name_service],
        ports=[_create_port('UDP', 53), _create_port('TCP', 53)])


def _create_policy(name: str, spec: client.V1NetworkPolicySpec
                   ) -> client.V1NetworkPolicy:
    return client.V1NetworkPolicy(
        api_version='networking.k8s.io/v1', kind='NetworkPolicy',
        metadata=client.V1ObjectMeta(name=name, labels=dict(labels.MANAGED)),
        spec=spec)


def _get_name(policy: client.V1NetworkPolicy) -> str:
    metadata: typing.Any = policy.metadata
    return str(metadata.name)


def _create_selector(match_labels: Mapping[str, str]
                     ) -> client.V1LabelSelector:
    return client.V1LabelSelector(match_labels=dict(match_labels))


def _select_online(match_labels: Mapping[str, str]
                   ) -> client.V1LabelSelector:
    """Return a selector of pods that have a network."""
    return client.V1LabelSelector(
        match_labels=dict(match_labels), match_expressions=[
            client.V1LabelSelectorRequirement(
                key=labels.NETWORK, operator='NotIn',
                values=[labels.OFFLINE])])


def _create_port(protocol: str, number: int) -> client.V1NetworkPolicyPort:
    return client.V1NetworkPolicyPort(protocol=protocol, port=number)
