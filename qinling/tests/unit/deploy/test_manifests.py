# SPDX-License-Identifier: Apache-2.0
"""The manifests, as files and as kustomize builds them."""

import collections
import copy
import re

import kubernetes_validate
from oslotest import base

from qinling.tests.unit.deploy import manifests
from qinling.tests.unit.deploy import restricted

PASSWORD = re.compile(r'pass|secret|token|key|connection|transport', re.I)
#: Who may speak to the API of Kubernetes.
TRUSTED = {'qinling-engine'}


class ManifestTest(base.BaseTestCase):
    """Runs each check on the objects of every overlay, as they are in the
    files; below it is done again with what kustomize makes of them."""

    read = staticmethod(manifests.written)

    def setUp(self):
        super().setUp()
        self.overlays = {path.name: self.read(path)
                         for path in manifests.OVERLAYS}

    def each(self):
        for name, objects in self.overlays.items():
            for made in objects:
                yield f'{name}: {manifests.name(made)}', made

    def pods(self):
        for name, objects in self.overlays.items():
            for made, template in manifests.workloads(objects):
                yield f'{name}: {manifests.name(made)}', made, template

    def test_overlays(self):
        self.assertEqual({'demo', 'external'}, set(self.overlays))

    def test_schema(self):
        version = kubernetes_validate.latest_version()
        for what, made in self.each():
            try:
                kubernetes_validate.validate(made, version, strict=True)
            except kubernetes_validate.ValidationError as e:
                self.fail(f'{what}: {e.message}')

    def test_namespaces(self):
        for what, made in self.each():
            if made['kind'] in manifests.CLUSTER:
                self.assertNotIn('namespace', made['metadata'], what)
            else:
                self.assertIn(made['metadata'].get('namespace'),
                              (manifests.CONTROL, manifests.WORKERS), what)

    def test_namespaces_are_restricted(self):
        for objects in self.overlays.values():
            found = {made['metadata']['name']: made['metadata']['labels'][
                'pod-security.kubernetes.io/enforce']
                for made in manifests.of_kind(objects, 'Namespace')}
            self.assertEqual({manifests.CONTROL: 'restricted',
                              manifests.WORKERS: 'restricted'}, found)

    def test_names_are_given_once(self):
        for objects in self.overlays.values():
            count = collections.Counter(map(manifests.name, objects))
            self.assertEqual(len(objects), len(count), count)

    def test_pods_are_restricted(self):
        for what, _made, template in self.pods():
            self.assertEqual([], list(restricted.violations(
                template['spec'])), what)

    def test_no_passwords(self):
        for what, made in self.each():
            self.assertNotEqual('Secret', made['kind'], what)
            for name, text in made.get('data', {}).items():
                for line in text.splitlines():
                    option = line.partition('=')[0]
                    if not line.startswith('#'):
                        self.assertNotRegex(option, PASSWORD, what)

    def test_no_passwords_in_the_environment(self):
        for what, _made, template in self.pods():
            for container in manifests.containers(template['spec']):
                for variable in container.get('env', []):
                    name = variable['name']
                    if PASSWORD.search(name) and 'valueFrom' not in variable:
                        self.assertTrue(name.endswith('_FILE'), what)

    def test_workloads_select_their_own_pods(self):
        for what, made, template in self.pods():
            labels = template['metadata']['labels']
            if made['kind'] != 'Job':
                self.assertTrue(manifests.selects(
                    made['spec']['selector'], labels), what)
            for spread in template['spec'].get(
                    'topologySpreadConstraints', []):
                self.assertTrue(manifests.selects(
                    spread['labelSelector'], labels), what)

    def test_others_select_pods(self):
        for objects in self.overlays.values():
            for made in manifests.of_kind(
                    objects, 'PodDisruptionBudget', 'NetworkPolicy'):
                spec = made['spec']
                selector = spec.get('selector', spec.get('podSelector'))
                if selector:
                    self.assertTrue(self.selected(objects, made, selector),
                                    manifests.name(made))

    def test_services_lead_to_ports(self):
        for objects in self.overlays.values():
            for made in manifests.of_kind(objects, 'Service'):
                pods = self.selected(objects, made, {
                    'matchLabels': made['spec']['selector']})
                self.assertEqual(1, len(pods), manifests.name(made))
                ports = {port['name'] for container in
                         pods[0]['containers'] for port in container['ports']}
                # Users do not reach what is for operators.
                self.assertEqual(ports - {'metrics'}, {
                    port['targetPort'] for port in made['spec']['ports']})

    def selected(self, objects, made, selector):
        """The pods that an object's selector finds."""
        return [template['spec']
                for other, template in manifests.workloads(objects)
                if other['metadata']['namespace'] == made['metadata'][
                    'namespace']
                and manifests.selects(selector,
                                      template['metadata']['labels'])]

    def test_what_is_many_has_a_budget(self):
        for objects in self.overlays.values():
            budgets = manifests.of_kind(objects, 'PodDisruptionBudget')
            for made in manifests.of_kind(objects, 'Deployment'):
                self.assertGreater(made['spec']['replicas'], 1)
                self.assertEqual(1, sum(manifests.selects(
                    budget['spec']['selector'],
                    made['spec']['template']['metadata']['labels'])
                    for budget in budgets), manifests.name(made))

    def test_volumes_are_there(self):
        for what, made, template in self.pods():
            volumes = {volume['name'] for volume in template['spec'].get(
                'volumes', [])}
            volumes.update(
                claim['metadata']['name'] for claim in
                made['spec'].get('volumeClaimTemplates', []))
            for container in manifests.containers(template['spec']):
                mounted = {mount['name']
                           for mount in container.get('volumeMounts', [])}
                self.assertLessEqual(mounted, volumes, what)

    def test_claims_are_there(self):
        for objects in self.overlays.values():
            claims = {made['metadata']['name'] for made in
                      manifests.of_kind(objects, 'PersistentVolumeClaim')}
            used = {volume['persistentVolumeClaim']['claimName']
                    for _made, template in manifests.workloads(objects)
                    for volume in template['spec'].get('volumes', [])
                    if 'persistentVolumeClaim' in volume}
            self.assertEqual(claims, used)


class RightsTest(base.BaseTestCase):
    """What the pods may do in the cluster."""

    def setUp(self):
        super().setUp()
        self.objects = manifests.written(
            manifests.DIRECTORY / 'overlays' / 'demo')

    def test_only_where_workers_live(self):
        self.assertEqual([], manifests.of_kind(
            self.objects, 'ClusterRole', 'ClusterRoleBinding'))
        for made in manifests.of_kind(self.objects, 'Role', 'RoleBinding'):
            self.assertEqual(manifests.WORKERS,
                             made['metadata']['namespace'])

    def test_binding(self):
        role, = manifests.of_kind(self.objects, 'Role')
        binding, = manifests.of_kind(self.objects, 'RoleBinding')
        self.assertEqual({'apiGroup': 'rbac.authorization.k8s.io',
                          'kind': 'Role', 'name': role['metadata']['name']},
                         binding['roleRef'])
        self.assertEqual([{'kind': 'ServiceAccount', 'name': each,
                           'namespace': manifests.CONTROL}
                          for each in sorted(TRUSTED)], binding['subjects'])

    def test_nothing_is_given_wholesale(self):
        role, = manifests.of_kind(self.objects, 'Role')
        for rule in role['rules']:
            for words in rule.values():
                self.assertNotIn('*', words)

    def test_who_has_a_token(self):
        accounts = {made['metadata']['name'] for made in
                    manifests.of_kind(self.objects, 'ServiceAccount')}
        for made, template in manifests.workloads(self.objects):
            pod = template['spec']
            account = pod.get('serviceAccountName')
            if account:
                self.assertIn(account, accounts)
            self.assertIs(account in TRUSTED,
                          pod['automountServiceAccountToken'],
                          manifests.name(made))


class BuiltTest(ManifestTest):
    """The same checks on what kustomize makes, and some more."""

    read = staticmethod(manifests.built)

    def test_images_are_pinned(self):
        for what, _made, template in self.pods():
            for container in manifests.containers(template['spec']):
                host, _slash, path = container['image'].partition('/')
                _name, _colon, tag = path.partition(':')
                self.assertTrue('.' in host or host == 'localhost', what)
                self.assertRegex(tag, r'^\d+\.\d+', what)

    def test_configuration_is_there(self):
        for objects in self.overlays.values():
            maps = {made['metadata']['name'] for made in
                    manifests.of_kind(objects, 'ConfigMap')}
            used = {source['configMap']['name']
                    for _made, template in manifests.workloads(objects)
                    for volume in template['spec'].get('volumes', [])
                    for source in volume.get('projected', {}).get(
                        'sources', []) if 'configMap' in source}
            self.assertEqual(maps, used)
            # A name by content, so that pods follow a change.
            self.assertRegex(maps.pop(), r'^qinling-[a-z0-9]{10}$')


class RestrictedTest(base.BaseTestCase):
    """The check of pods finds each thing that may be wrong."""

    def setUp(self):
        super().setUp()
        _made, template = manifests.workloads(manifests.written(
            manifests.DIRECTORY / 'base'))[0]
        self.pod = copy.deepcopy(template['spec'])
        self.container = self.pod['containers'][0]
        self.assertEqual([], list(restricted.violations(self.pod)))

    def found(self, words):
        sentence, = restricted.violations(self.pod)
        self.assertIn(words, sentence)

    def test_host(self):
        self.pod['hostNetwork'] = True
        self.found('hostNetwork')

    def test_volume(self):
        self.pod['volumes'].append({'name': 'host', 'hostPath': {}})
        self.found('volume host')

    def test_root(self):
        self.container['securityContext']['runAsUser'] = 0
        self.found('is root')

    def test_nobody_says_who_it_is(self):
        del self.pod['securityContext']['runAsNonRoot']
        self.found('runAsNonRoot')

    def test_context(self):
        for name, value, words in (
                ('privileged', True, 'privileged'),
                ('allowPrivilegeEscalation', True, 'allowPrivilege'),
                ('readOnlyRootFilesystem', False, 'writable'),
                ('seccompProfile', {'type': 'Unconfined'}, 'seccomp'),
                ('capabilities', {'drop': ['ALL'], 'add': ['SYS_ADMIN']},
                 'capabilities')):
            good = copy.deepcopy(self.container['securityContext'])
            self.container['securityContext'][name] = value
            self.found(words)
            self.container['securityContext'] = good

    def test_resources(self):
        self.container['resources'].pop('limits')
        self.found('memory')

    def test_port_of_the_host(self):
        self.container['ports'] = [{'containerPort': 1, 'hostPort': 1}]
        self.found('port of the host')
