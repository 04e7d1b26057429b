# SPDX-License-Identifier: Apache-2.0
"""Tests of the manifests of pools, images and policies."""

import ipaddress
import json

import fixtures
from keystoneauth1 import loading as keystoneauth
from kubernetes import client
import oslo_messaging
from oslotest import base

from qinling import conf as qinling_conf
from qinling.orchestrators import base as orchestrators
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import manifests
from qinling.orchestrators.kubernetes import network
from qinling.tests.kubernetes import selectors

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

    def test_limits_apply_to_containers(self):
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
    def test_selector_matches_idle_pods(self):
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

    def test_thousand_idle_functions_fit_on_a_node(self):
        # 16 cores and 64 GiB, without what the system takes.
        body = manifests.Manifests(self.conf).create_resize(
            orchestrators.Limits(300, 128 << 20, 3), is_idle=True)
        resources = body['spec']['containers'][0]['resources']
        self.assertLess(1000 * int(resources['requests']['cpu'][:-1]), 15000)
        self.assertLess(1000 * int(resources['requests']['memory']),
                        60 << 30)
        self.assertEqual('900m', resources['limits']['cpu'])
        self.assertEqual(str((64 + 3 * 128) << 20),
                         resources['limits']['memory'])

    def test_small_functions_rest_within_their_limits(self):
        self.conf.set_override('idle_cpu', 500, group='kubernetes')
        body = manifests.Manifests(self.conf).create_resize(
            orchestrators.Limits(10, 16 << 20, 1), is_idle=True)
        resources = body['spec']['containers'][0]['resources']
        self.assertEqual('5m', resources['requests']['cpu'])

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
            self.plain, network.create_policies(
                self.conf, 'https://8.8.4.4:6443'))}

    def test_default_policy_denies_all_traffic(self):
        policy = self.policies()['qinling-default']
        self.assertTrue(selectors.matches(policy['podSelector'],
                                          labels.MANAGED))
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

    def test_images_without_network_have_a_label(self):
        for offline, expected in ((False, None), (True, labels.OFFLINE)):
            pod = self.image(offline=offline)
            self.assertEqual(expected, pod['metadata']['labels'].get(
                labels.NETWORK))

    def test_images_accept_no_connections(self):
        selector = self.policies()['qinling-engines']['podSelector']
        expression, = selector['matchExpressions']
        self.assertEqual(['idle', 'claimed'], expression['values'])

    def test_pods_without_network_reach_no_address(self):
        self.set(allow_egress=True, runtime_egress=['r-1 10.0.0.5/32:5432'])
        worker = {**labels.MANAGED, labels.RUNTIME: 'r-1',
                  labels.STATE: labels.CLAIMED}
        image = {**labels.MANAGED, labels.STATE: labels.IMAGE}
        for pod, with_ingress in ((worker, {'qinling-engines'}),
                                  (image, set())):
            pod = {**pod, labels.NETWORK: labels.OFFLINE}
            policies = {name: policy for name, policy
                        in self.policies().items()
                        if selectors.matches(policy['podSelector'], pod)}
            self.assertEqual({'qinling-offline', *with_ingress},
                             set(policies))
            self.assertEqual({'Ingress', 'Egress'}, set(
                policies['qinling-offline']['policyTypes']))
            self.assertFalse([policy for policy in policies.values()
                              if policy.get('egress')])

    def egress(self):
        """Return the (block, ports) of the networks that functions reach."""
        _names, *rules = self.policies()['qinling-default']['egress']
        return [(peer['ipBlock'], {port['port'] for port in
                                   rule.get('ports', ())})
                for rule in rules for peer in rule['to']]

    def reaches(self, address):
        address = ipaddress.ip_address(address)
        return any(address in ipaddress.ip_network(block['cidr'])
                   and not any(address in ipaddress.ip_network(cidr)
                               for cidr in block.get('except', ()))
                   for block, _ports in self.egress())

    def test_functions_reach_only_the_name_service(self):
        self.assertEqual([], self.egress())
        rule, = self.policies()['qinling-default']['egress']
        self.assertEqual({53}, {port['port'] for port in rule['ports']})

    def test_egress_is_public(self):
        self.set(allow_egress=True, blocked_cidrs=['9.9.9.0/24', 'fd00::/8',
                                                   '10.1.0.0/16'])
        for address in ('1.1.1.1', '99.255.0.1', '100.128.0.1',
                        '2606:4700::1111'):
            self.assertTrue(self.reaches(address), address)
        for address in (
                '10.0.0.1', '172.31.0.1', '192.168.1.1', '100.64.0.1',
                '127.0.0.1', '169.254.169.254', '0.0.0.0', '224.0.0.1',
                '255.255.255.255', '9.9.9.9', '8.8.4.4', '::1', 'fe80::1',
                'fd00::1', 'ff02::1', '::ffff:10.0.0.1', '64:ff9b::a00:1',
                '2002:a00:1::', '2001::1', '2001:db8::1'):
            self.assertFalse(self.reaches(address), address)

    def test_exceptions_are_parts_of_their_block(self):
        # The API server refuses others.
        self.set(allow_egress=True,
                 blocked_cidrs=['10.1.0.0/16', 'fd00::/8', '2a00::/12'])
        for block, _ports in self.egress():
            for cidr in block['except']:
                self.assertTrue(ipaddress.ip_network(cidr).subnet_of(
                    ipaddress.ip_network(block['cidr'])))

    def test_everything_blocked(self):
        self.set(allow_egress=True, blocked_cidrs=['0.0.0.0/0', '::/0'])
        self.assertEqual([], self.egress())

    def test_own_services_are_blocked(self):
        self.set(allow_egress=True)
        self.conf.set_override('connection', 'mysql+pymysql://q:p@9.0.0.1/q',
                               group='database')
        self.conf.set_override('endpoint_url', 'https://[2a00::5]:9000',
                               group='s3')
        oslo_messaging.TransportURL.parse(self.conf)
        self.conf.set_override(
            'transport_url', 'rabbit://q:p@9.0.0.2:5672,q:p@localhost:5672/')
        keystoneauth.register_auth_conf_options(
            self.conf, 'keystone_authtoken')
        for name, value in (('auth_type', 'password'),
                            ('auth_section', None)):
            self.conf.set_override(name, value, 'keystone_authtoken')
        self.conf.register_opts(keystoneauth.get_auth_plugin_conf_options(
            'password'), group='keystone_authtoken')
        self.conf.set_override('auth_url', 'http://9.0.0.3:5000/v3',
                               group='keystone_authtoken')
        for address in ('9.0.0.1', '9.0.0.2', '9.0.0.3', '2a00::5'):
            self.assertFalse(self.reaches(address), address)
        self.assertTrue(self.reaches('9.0.0.4'))

    def test_unknown_names(self):
        self.set(allow_egress=True)
        self.conf.set_override('connection', 'mysql://q:pass@db.invalid/q',
                               group='database')
        log = self.useFixture(fixtures.FakeLogger())
        self.assertTrue(self.reaches('1.1.1.1'))
        self.assertIn('Could not resolve db.invalid', log.output)
        self.assertNotIn('pass', log.output)

    def test_single_destinations(self):
        self.set(egress_cidrs=['10.0.0.5/32:5432', '[fd00::5/128]:5432',
                               '10.1.2.3', 'fd01::/64'])
        self.assertEqual([
            ({'cidr': '10.0.0.5/32'}, {5432}),
            ({'cidr': 'fd00::5/128'}, {5432}),
            ({'cidr': '10.1.2.3/32'}, set()),
            ({'cidr': 'fd01::/64'}, set())], self.egress())

    def test_destinations_of_a_runtime(self):
        self.set(runtime_egress=['r-1 10.0.0.5/32:5432 10.1.0.0/16'])
        policy = self.policies()['qinling-egress-r-1']
        for id, expected in (('r-1', True), ('r-2', False)):
            self.assertEqual(expected, selectors.matches(
                policy['podSelector'],
                {**labels.MANAGED, labels.RUNTIME: id}))
        self.assertEqual(['Egress'], policy['policyTypes'])
        self.assertEqual(
            ['10.0.0.5/32', '10.1.0.0/16'],
            [rule['to'][0]['ipBlock']['cidr'] for rule in policy['egress']])
        self.assertEqual([], self.egress())
