# SPDX-License-Identifier: Apache-2.0
"""Tests of the manifests, from the files and from kustomize."""

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
    """Checks of the objects of every overlay, as written in the files;
    :class:`BuiltTest` repeats the checks on the output of kustomize."""

    read = staticmethod(manifests.written)

    def setUp(self):
        super().setUp()
        self.overlays = {path.name: self.read(path)
                         for path in manifests.OVERLAYS}

    def each(self):
        for name, objects in self.overlays.items():
            for item in objects:
                yield f'{name}: {manifests.name(item)}', item

    def pods(self):
        for name, objects in self.overlays.items():
            for item, template in manifests.workloads(objects):
                yield f'{name}: {manifests.name(item)}', item, template

    def test_overlays(self):
        self.assertEqual({'demo', 'external'}, set(self.overlays))

    def test_schema(self):
        version = kubernetes_validate.latest_version()
        for title, item in self.each():
            try:
                kubernetes_validate.validate(item, version, strict=True)
            except kubernetes_validate.ValidationError as e:
                self.fail(f'{title}: {e.message}')

    def test_namespaces(self):
        for title, item in self.each():
            if item['kind'] in manifests.CLUSTER:
                self.assertNotIn('namespace', item['metadata'], title)
            else:
                self.assertIn(item['metadata'].get('namespace'),
                              (manifests.CONTROL, manifests.WORKERS), title)

    def test_namespaces_are_restricted(self):
        for objects in self.overlays.values():
            levels = {item['metadata']['name']: item['metadata']['labels'][
                'pod-security.kubernetes.io/enforce']
                for item in manifests.of_kind(objects, 'Namespace')}
            self.assertEqual({manifests.CONTROL: 'restricted',
                              manifests.WORKERS: 'restricted'}, levels)

    def test_names_are_unique(self):
        for objects in self.overlays.values():
            count = collections.Counter(map(manifests.name, objects))
            self.assertEqual(len(objects), len(count), count)

    def test_pods_are_restricted(self):
        for title, _objects, template in self.pods():
            self.assertEqual([], list(restricted.violations(
                template['spec'])), title)

    def test_no_passwords(self):
        for title, item in self.each():
            self.assertNotEqual('Secret', item['kind'], title)
            for name, text in item.get('data', {}).items():
                for line in text.splitlines():
                    option = line.partition('=')[0]
                    if not line.startswith('#'):
                        self.assertNotRegex(option, PASSWORD, title)

    def test_no_passwords_in_the_environment(self):
        for title, _objects, template in self.pods():
            for container in manifests.containers(template['spec']):
                for variable in container.get('env', []):
                    name = variable['name']
                    if PASSWORD.search(name) and 'valueFrom' not in variable:
                        self.assertTrue(name.endswith('_FILE'), title)

    def test_workloads_select_their_own_pods(self):
        for title, item, template in self.pods():
            labels = template['metadata']['labels']
            if item['kind'] != 'Job':
                self.assertTrue(manifests.selects(
                    item['spec']['selector'], labels), title)
            for spread in template['spec'].get(
                    'topologySpreadConstraints', []):
                self.assertTrue(manifests.selects(
                    spread['labelSelector'], labels), title)

    def test_selectors_of_policies_and_budgets_match_pods(self):
        for objects in self.overlays.values():
            for item in manifests.of_kind(
                    objects, 'PodDisruptionBudget', 'NetworkPolicy'):
                spec = item['spec']
                selector = spec.get('selector', spec.get('podSelector'))
                images = {'qinling.openstack.org/state': 'image'}
                if selector and not manifests.selects(
                        {'matchLabels': images},
                        selector.get('matchLabels', {})):
                    self.assertTrue(self.selected(objects, item, selector),
                                    manifests.name(item))

    def test_services_lead_to_ports(self):
        for objects in self.overlays.values():
            for item in manifests.of_kind(objects, 'Service'):
                pods = self.selected(objects, item, {
                    'matchLabels': item['spec']['selector']})
                self.assertEqual(1, len(pods), manifests.name(item))
                ports = {port['name'] for container in
                         pods[0]['containers'] for port in container['ports']}
                # Users do not reach what is for operators.
                metrics = {'metrics'} & ports
                self.assertIn({
                    port['targetPort'] for port in item['spec']['ports']},
                    (ports - metrics, metrics))

    def selected(self, objects, item, selector):
        """Return the pods of an object's selector."""
        return [template['spec']
                for workload, template in manifests.workloads(objects)
                if workload['metadata']['namespace'] == item['metadata'][
                    'namespace']
                and manifests.selects(selector,
                                      template['metadata']['labels'])]

    def test_replicated_deployments_have_a_budget(self):
        for objects in self.overlays.values():
            budgets = manifests.of_kind(objects, 'PodDisruptionBudget')
            for item in manifests.of_kind(objects, 'Deployment'):
                self.assertGreater(item['spec']['replicas'], 1)
                self.assertEqual(1, sum(manifests.selects(
                    budget['spec']['selector'],
                    item['spec']['template']['metadata']['labels'])
                    for budget in budgets), manifests.name(item))

    def test_volumes_are_there(self):
        for title, item, template in self.pods():
            volumes = {volume['name'] for volume in template['spec'].get(
                'volumes', [])}
            volumes.update(
                claim['metadata']['name'] for claim in
                item['spec'].get('volumeClaimTemplates', []))
            for container in manifests.containers(template['spec']):
                mounted = {mount['name']
                           for mount in container.get('volumeMounts', [])}
                self.assertLessEqual(mounted, volumes, title)

    def test_claims_are_there(self):
        for objects in self.overlays.values():
            claims = {item['metadata']['name'] for item in
                      manifests.of_kind(objects, 'PersistentVolumeClaim')}
            used = {volume['persistentVolumeClaim']['claimName']
                    for _objects, template in manifests.workloads(objects)
                    for volume in template['spec'].get('volumes', [])
                    if 'persistentVolumeClaim' in volume}
            self.assertEqual(claims, used)


class RightsTest(base.BaseTestCase):
    """Rights of the pods in the cluster."""

    def setUp(self):
        super().setUp()
        self.objects = manifests.written(
            manifests.DIRECTORY / 'overlays' / 'demo')

    def test_rights_are_limited_to_the_worker_namespace(self):
        self.assertEqual([], manifests.of_kind(
            self.objects, 'ClusterRole', 'ClusterRoleBinding'))
        for item in manifests.of_kind(self.objects, 'Role', 'RoleBinding'):
            self.assertEqual(manifests.WORKERS,
                             item['metadata']['namespace'])

    def test_binding(self):
        role, = manifests.of_kind(self.objects, 'Role')
        binding, = manifests.of_kind(self.objects, 'RoleBinding')
        self.assertEqual({'apiGroup': 'rbac.authorization.k8s.io',
                          'kind': 'Role', 'name': role['metadata']['name']},
                         binding['roleRef'])
        self.assertEqual([{'kind': 'ServiceAccount', 'name': account,
                           'namespace': manifests.CONTROL}
                          for account in sorted(TRUSTED)], binding['subjects'])

    def test_rules_have_no_wildcards(self):
        role, = manifests.of_kind(self.objects, 'Role')
        for rule in role['rules']:
            for words in rule.values():
                self.assertNotIn('*', words)

    def test_only_trusted_pods_have_a_token(self):
        accounts = {item['metadata']['name'] for item in
                    manifests.of_kind(self.objects, 'ServiceAccount')}
        for item, template in manifests.workloads(self.objects):
            pod = template['spec']
            account = pod.get('serviceAccountName')
            if account:
                self.assertIn(account, accounts)
            self.assertIs(account in TRUSTED,
                          pod['automountServiceAccountToken'],
                          manifests.name(item))


class BuiltTest(ManifestTest):
    """Checks of the output of kustomize."""

    read = staticmethod(manifests.built)

    def test_images_are_pinned(self):
        for title, _objects, template in self.pods():
            for container in manifests.containers(template['spec']):
                host, _slash, path = container['image'].partition('/')
                _name, _colon, tag = path.partition(':')
                self.assertTrue('.' in host or host == 'localhost', title)
                self.assertRegex(tag, r'^\d+\.\d+', title)

    def test_configuration_is_there(self):
        for objects in self.overlays.values():
            maps = {item['metadata']['name'] for item in
                    manifests.of_kind(objects, 'ConfigMap')}
            used = {source['configMap']['name']
                    for _objects, template in manifests.workloads(objects)
                    for volume in template['spec'].get('volumes', [])
                    for source in volume.get('projected', {}).get(
                        'sources', []) if 'configMap' in source}
            self.assertEqual(maps, used)
            # A name by content, so that pods follow a change.
            self.assertRegex(maps.pop(), r'^qinling-[a-z0-9]{10}$')


class RestrictedTest(base.BaseTestCase):
    """Detection of each violation in pods."""

    def setUp(self):
        super().setUp()
        _objects, template = manifests.workloads(manifests.written(
            manifests.DIRECTORY / 'base'))[0]
        self.pod = copy.deepcopy(template['spec'])
        self.container = self.pod['containers'][0]
        self.assertEqual([], list(restricted.violations(self.pod)))

    def check_violation(self, words):
        sentence, = restricted.violations(self.pod)
        self.assertIn(words, sentence)

    def test_host(self):
        self.pod['hostNetwork'] = True
        self.check_violation('hostNetwork')

    def test_volume(self):
        self.pod['volumes'].append({'name': 'host', 'hostPath': {}})
        self.check_violation('volume host')

    def test_root(self):
        self.container['securityContext']['runAsUser'] = 0
        self.check_violation('is root')

    def test_missing_run_as_non_root_is_reported(self):
        del self.pod['securityContext']['runAsNonRoot']
        self.check_violation('runAsNonRoot')

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
            self.check_violation(words)
            self.container['securityContext'] = good

    def test_resources(self):
        self.container['resources'].pop('limits')
        self.check_violation('memory')

    def test_port_of_the_host(self):
        self.container['ports'] = [{'containerPort': 1, 'hostPort': 1}]
        self.check_violation('port of the host')
