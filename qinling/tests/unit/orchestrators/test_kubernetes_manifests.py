# SPDX-License-Identifier: Apache-2.0
"""Tests of the manifests of pools, images and policies."""

import ipaddress
import json

from kubernetes import client
from oslotest import base

from qinling import conf as qinling_conf
from qinling.orchestrators import base as orchestrators
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import manifests
from qinling.orchestrators.kubernetes import network

ORDER = dict(execution_id='e', function_id='f', image='registry/image:1',
             args=('a',), cpu=200, memory_size=64 << 20, timeout=5,
             max_log_size=100)


class ManifestTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.conf = qinling_conf.load([], [])

    def set(self, **options):
        for name, value in options.items():
            self.conf.set_override(name, value, group='kubernetes')

    def plain(self, model):
        return client.ApiClient().sanitize_for_serialization(model)

    def pool(self, trusted=True, image='image:1'):
        return self.plain(manifests.Manifests(self.conf).create_deployment(
            orchestrators.RuntimeSpec('r', image, trusted)))

    def worker(self, **kwargs):
        return self.pool(**kwargs)['spec']['template']['spec']

    def image(self, **changes):
        order = orchestrators.ImageRun(**dict(ORDER, **changes))
        return self.plain(manifests.Manifests(self.conf).create_image_pod(
            'p', order, 'engine', 60))


class TestIsolation(ManifestTest):
    """Isolation of pods of every kind."""

    def specs(self):
        return [self.worker(), self.worker(trusted=False),
                self.image()['spec']]

    def test_restricted(self):
        for spec in self.specs():
            self.assertEqual(
                {'runAsNonRoot': True, 'runAsUser': 65532,
                 'runAsGroup': 65532, 'fsGroup': 65532,
                 'seccompProfile': {'type': 'RuntimeDefault'}},
                spec['securityContext'])
            for container in spec['containers']:
                self.assertEqual(
                    {'allowPrivilegeEscalation': False, 'privileged': False,
                     'readOnlyRootFilesystem': True,
                     'capabilities': {'drop': ['ALL']}},
                    container['securityContext'])
            for name in ('hostNetwork', 'hostPID', 'hostIPC',
                         'serviceAccountName', 'initContainers'):
                self.assertNotIn(name, spec)

    def test_no_credentials(self):
        for spec in self.specs():
            self.assertFalse(spec['automountServiceAccountToken'])
            self.assertFalse(spec['enableServiceLinks'])

    def test_limits_are_those_of_containers(self):
        for spec in self.specs():
            self.assertNotIn('resources', spec)
            for container in spec['containers']:
                for kind in ('requests', 'limits'):
                    self.assertEqual(
                        {'cpu', 'memory', 'ephemeral-storage'},
                        set(container['resources'][kind]))

    def test_only_scratch_space_is_writable(self):
        for spec in self.specs():
            for volume in spec['volumes']:
                self.assertEqual({'name', 'emptyDir'}, set(volume))
                self.assertIn('sizeLimit', volume['emptyDir'])

    def test_user_namespaces(self):
        for spec in self.specs():
            self.assertNotIn('hostUsers', spec)
        self.set(user_namespaces=True, processes=77)
        for spec in self.specs():
            self.assertIs(False, spec['hostUsers'])
        self.assertEqual(77, self.settings()['processes'])

    def settings(self):
        environment = {variable['name']: variable for variable in
                       self.worker()['containers'][0]['env']}
        return json.loads(environment['QINLING_SETTINGS']['value'])

    def test_processes_of_a_node_are_not_counted_together(self):
        self.assertEqual(0, self.settings()['processes'])

    def test_runtime_class(self):
        for trusted, expected in ((True, None), (False, None)):
            self.assertEqual(expected, self.worker(trusted=trusted).get(
                'runtimeClassName'))
        self.set(untrusted_runtime_class='gvisor')
        self.assertIsNone(self.worker().get('runtimeClassName'))
        self.assertEqual('gvisor', self.worker(trusted=False)[
            'runtimeClassName'])
        self.set(runtime_class='kata')
        self.assertEqual('kata', self.worker()['runtimeClassName'])
        self.assertEqual('kata', self.image()['spec']['runtimeClassName'])

    def test_annotation_of_the_old_service(self):
        for trusted, text in ((True, 'true'), (False, 'false')):
            annotations = self.pool(trusted=trusted)['spec']['template'][
                'metadata']['annotations']
            self.assertEqual(
                text, annotations['io.kubernetes.cri-o.TrustedSandbox'])

    def test_the_key_is_no_plain_text(self):
        self.assertNotIn('value', self.worker()['containers'][0]['env'][0])


class TestPools(ManifestTest):
    def test_selector_is_the_one_of_idle_pods(self):
        pool = self.pool()
        selector = pool['spec']['selector']['matchLabels']
        pod_labels = pool['spec']['template']['metadata']['labels']
        self.assertEqual({labels.RUNTIME: 'r', labels.STATE: 'idle'},
                         selector)
        self.assertEqual(selector, {key: pod_labels[key] for key in selector})

    def test_another_image_is_another_spec(self):
        specs = {self.pool(**change)['metadata']['labels'][labels.SPEC]
                 for change in ({}, {}, {'image': 'image:2'})}
        self.assertEqual(2, len(specs))

    def test_resized_pods_keep_their_quality_of_service(self):
        maker = manifests.Manifests(self.conf)
        for slots in (1, 3):
            body = maker.create_resize(orchestrators.Limits(
                100, 32 << 20, slots))
            amounts = body['spec']['containers'][0]['resources']
            self.assertNotEqual(amounts['limits'], amounts['requests'])
            self.assertEqual(f'{100 * slots}m', amounts['limits']['cpu'])
            self.assertEqual(str((64 + 32 * slots) << 20),
                             amounts['limits']['memory'])

    def test_largest_function_fits_into_the_pool(self):
        limits = self.worker()['containers'][0]['resources']['limits']
        self.assertEqual(str((64 + 3 * 128) << 20), limits['memory'])
        self.assertEqual('900m', limits['cpu'])


class TestImages(ManifestTest):
    def test_arguments_are_not_expanded(self):
        nasty = ('$(QINLING_POOL_KEY)', '$$(X)', 'a\n  privileged: true',
                 '"; rm -rf /', '{"a": "\u00fc"}')
        container = self.image(args=nasty)['spec']['containers'][0]
        self.assertEqual([word.replace('$', '$$') for word in nasty],
                         container['args'])
        self.assertNotIn('command', container)

    def test_image_runs_once(self):
        spec = self.image()['spec']
        self.assertEqual('Never', spec['restartPolicy'])
        self.assertEqual(60, spec['activeDeadlineSeconds'])
        self.assertEqual({'cpu': '200m', 'memory': str(64 << 20),
                          'ephemeral-storage': '384Mi'},
                         spec['containers'][0]['resources']['limits'])


class TestPolicies(ManifestTest):
    """Network policies, each checked for the allowed connections."""

    def policies(self):
        return {policy['metadata']['name']: policy['spec'] for policy in map(
            self.plain, network.create_policies(self.conf.kubernetes))}

    def test_default_policy_denies_all_traffic(self):
        policy = self.policies()['qinling-default']
        self.assertEqual({'matchLabels': labels.MANAGED},
                         policy['podSelector'])
        self.assertEqual({'Ingress', 'Egress'}, set(policy['policyTypes']))
        self.assertFalse(policy.get('ingress'))

    def test_only_engines_reach_agents(self):
        self.set(engine_namespace='control', engine_cidrs=['10.0.0.1/32'])
        policy = self.policies()['qinling-engines']
        self.assertEqual(['Ingress'], policy['policyTypes'])
        rule, = policy['ingress']
        self.assertEqual([{'port': 9090, 'protocol': 'TCP'}], rule['ports'])
        self.assertEqual([
            {'namespaceSelector': {'matchLabels': {
                'kubernetes.io/metadata.name': 'control'}},
             'podSelector': {'matchLabels': {
                 'app.kubernetes.io/name': 'qinling',
                 'app.kubernetes.io/component': 'engine'}}},
            {'ipBlock': {'cidr': '10.0.0.1/32'}}], rule['from'])

    def test_images_accept_no_connections(self):
        selector = self.policies()['qinling-engines']['podSelector']
        expression, = selector['matchExpressions']
        self.assertEqual(['idle', 'claimed'], expression['values'])

    def test_egress_is_allowed(self):
        self.set(blocked_cidrs=['169.254.0.0/16', '10.0.0.0/8', 'fd00::/8'])
        everywhere, names = self.policies()['qinling-default']['egress']
        for peer in everywhere['to']:
            block = peer['ipBlock']
            allowed = ipaddress.ip_network(block['cidr'])
            for cidr in block['except']:
                # The API server refuses exceptions outside of the block.
                self.assertTrue(ipaddress.ip_network(cidr).subnet_of(
                    allowed))
        self.assertEqual(
            ['169.254.0.0/16', '10.0.0.0/8', 'fd00::/8'],
            [exception for peer in everywhere['to']
             for exception in peer['ipBlock']['except']])
        self.assertEqual({53}, {port['port'] for port in names['ports']})

    def test_egress_is_denied(self):
        self.set(allow_egress=False)
        self.assertFalse(self.policies()['qinling-default'].get('egress'))
