# SPDX-License-Identifier: Apache-2.0
"""Tests of the values of the Helm chart."""

import base64
import json

from cryptography import fernet
import jsonschema
from oslotest import base

from qinling.tests.unit.deploy import charts
from qinling.tests.unit.deploy import manifests

find, pod, list_references = charts.find, charts.pod, charts.list_references


class ValuesTest(base.BaseTestCase):
    """Effect of values."""

    def render(self, *layers, **options):
        return charts.render(charts.merge(charts.VALUES, *layers), **options)

    def assert_refused(self, text, *layers):
        error = self.assertRaises(charts.require_helm().HelmError,
                                  self.render, *layers)
        self.assertIn(text, str(error))

    def test_every_value_has_a_type(self):
        schema = json.loads((charts.CHART / 'values.schema.json').read_text())
        jsonschema.Draft7Validator.check_schema(schema)
        jsonschema.validate(charts.defaults(), schema)

        def compare(properties, values, path):
            properties.pop('global', None)
            self.assertEqual(set(properties), set(values), path)
            for key, value in values.items():
                if 'properties' in properties[key] and not path:
                    compare(properties[key]['properties'], value, key)
        compare(schema['properties'], charts.defaults(), '')

    def test_wrong_values_are_refused(self):
        for values in ({'no_such': 1}, {'api': {'replicas': 0}},
                       {'api': {'no_such': 1}}, {'image': {'digest': 'x'}},
                       {'image': {'tag': 'latest'}},
                       {'storage': {'accessMode': 'ReadOnlyMany'}},
                       {'runtimes': {'a b': 'image'}},
                       {'runtimes': {'a': 'an image'}},
                       {'connections': {'database': 'db.example.com'}}):
            self.assertRaises(charts.require_helm().HelmValuesError,
                              self.render, values)

    def test_missing_values_are_explained(self):
        for text, values in (
                ('Set api.authStrategy', {'api': {'allowNoauth': False}}),
                ('Set image.repository', {'image': {'repository': ''}}),
                ('or connections.database', {'connections': {
                    'existingSecret': ''}}),
                ('or connections.transportUrl', {'connections': {
                    'existingSecret': '', 'database': 'mysql://h/q'}}),
                ('must not be the namespace of the release',
                 {'workers': {'namespace': 'qinling'}}),
                ('Set ingress.host', {'ingress': {'enabled': True}}),
                ('Set gateway.parentRefs', {'gateway': {
                    'enabled': True, 'parentRefs': None}})):
            self.assert_refused(text, values)

    def test_migration_is_a_hook_with_a_configuration(self):
        objects = self.render({'connections': {
            'existingSecret': '', 'database': 'mysql+pymysql://u:p@h/q',
            'transportUrl': 'rabbit://u:p@b/',
            'options': {'s3': {'secret_key': 'x'}}}})
        hooks = [item for item in objects if 'helm.sh/hook' in
                 item['metadata'].get('annotations', {})]
        self.assertEqual(['ConfigMap', 'Job', 'Secret'],
                         sorted(item['kind'] for item in hooks))
        weights = {item['kind']: int(item['metadata']['annotations'][
            'helm.sh/hook-weight']) for item in hooks}
        self.assertLess(max(weights['ConfigMap'], weights['Secret']),
                        weights['Job'])
        for item in hooks:
            self.assertEqual(
                'pre-install,pre-upgrade',
                item['metadata']['annotations']['helm.sh/hook'])
        job = find(hooks, 'Job', 'qinling-migration')
        self.assertEqual(
            {('ConfigMap', 'qinling-migration'),
             ('Secret', 'qinling-migration')},
            set(list_references(job['spec']['template']['spec'])))
        self.assertNotIn('serviceAccountName',
                         job['spec']['template']['spec'])
        text = find(objects, 'Secret', 'qinling-connections')['stringData'][
            'connections.conf']
        self.assertEqual(text, find(hooks, 'Secret', 'qinling-migration')[
            'stringData']['connections.conf'])
        self.assertIn('[s3]\nsecret_key = x', text)

    def test_key_is_generated(self):
        keys = {self.read_key(self.render()) for _number in range(3)}
        self.assertEqual(3, len(keys))
        for key in keys:
            fernet.Fernet(key)

    def read_key(self, objects):
        secret = find(objects, 'Secret', 'qinling-keys')
        self.assertEqual('keep', secret['metadata']['annotations'][
            'helm.sh/resource-policy'])
        text = base64.b64decode(secret['data']['keys.conf']).decode()
        head, key = text.strip().split(' = ')
        self.assertEqual('[secrets]\nencryption_keys', head)
        return key

    def test_existing_key(self):
        objects = self.render({'secretsKey': {'existingSecret': 'mine'}})
        self.assertEqual([], manifests.of_kind(objects, 'Secret'))
        for name in ('qinling-api', 'qinling-engine'):
            self.assertIn(('Secret', 'mine'),
                          list(list_references(pod(objects, name))))

    def test_one_node(self):
        objects = charts.render(charts.example('one-node'))
        claim = find(objects, 'PersistentVolumeClaim', 'qinling-packages')
        self.assertEqual(['ReadWriteOnce'], claim['spec']['accessModes'])
        self.assertEqual('keep', claim['metadata']['annotations'][
            'helm.sh/resource-policy'])
        for name in ('qinling-api', 'qinling-engine'):
            template = find(objects, 'Deployment', name)['spec']['template']
            term, = template['spec']['affinity']['podAffinity'][
                'requiredDuringSchedulingIgnoredDuringExecution']
            self.assertEqual('kubernetes.io/hostname', term['topologyKey'])
            # A pod that matches its own rule may be the first.
            self.assertTrue(manifests.selects(
                term['labelSelector'], template['metadata']['labels']))
            self.assertNotIn('topologySpreadConstraints', template['spec'])
        # A budget of a single pod would block every drain.
        self.assertEqual(['qinling-image-executions'], [
            item['metadata']['name'] for item in manifests.of_kind(
                objects, 'PodDisruptionBudget')])

    def test_autoscaling(self):
        objects = self.render({
            part: {'autoscaling': {'enabled': True}}
            for part in ('api', 'engine')})
        for name in ('qinling-api', 'qinling-engine'):
            self.assertNotIn('replicas',
                             find(objects, 'Deployment', name)['spec'])
            scaler = find(objects, 'HorizontalPodAutoscaler', name)
            self.assertEqual(name, scaler['spec']['scaleTargetRef']['name'])
            find(objects, 'PodDisruptionBudget', name)

    def test_workers(self):
        objects = self.render(
            {'workers': charts.example('production')['workers']},
            {'workers': {'minAvailable': 3, 'namespace': 'functions'}})
        hard = find(objects, 'ResourceQuota', 'qinling-workers')['spec'][
            'hard']
        self.assertEqual({'pods': '500', 'limits.memory': '400Gi',
                          'requests.cpu': '60'}, hard)
        find(objects, 'LimitRange', 'qinling-workers')
        budget = find(objects, 'PodDisruptionBudget',
                      'qinling-claimed-workers')
        self.assertEqual(3, budget['spec']['minAvailable'])
        self.assertEqual({'functions'}, {
            item['metadata']['namespace'] for item in objects
            if item['kind'] in ('Role', 'RoleBinding', 'ResourceQuota')})
        space = find(objects, 'Namespace', 'functions')
        self.assertEqual('restricted', space['metadata']['labels'][
            'pod-security.kubernetes.io/enforce'])

    def test_priority_classes(self):
        objects = self.render()
        control = find(objects, 'PriorityClass', 'qinling-control-plane')
        workers = find(objects, 'PriorityClass', 'qinling-workers')
        self.assertGreater(control['value'], 0)
        self.assertLess(workers['value'], 0)
        self.assertEqual('Never', workers['preemptionPolicy'])
        objects = self.render({'priorityClasses': {
            'create': False, 'controlPlane': 'high'}})
        self.assertEqual([], manifests.of_kind(objects, 'PriorityClass'))
        self.assertEqual('high',
                         pod(objects, 'qinling-api')['priorityClassName'])

    def test_monitoring(self):
        objects = self.render({'metrics': {'serviceMonitor': {
            'enabled': True, 'labels': {'release': 'prometheus'}}}})
        monitor = find(objects, 'ServiceMonitor', 'qinling')
        self.assertEqual('prometheus',
                         monitor['metadata']['labels']['release'])
        selected = {
            item['metadata']['name']: item['spec']['ports'][0]['port']
            for item in manifests.of_kind(objects, 'Service')
            if manifests.selects(monitor['spec']['selector'],
                                 item['metadata']['labels'])}
        self.assertEqual({'qinling-api-metrics': 9101,
                          'qinling-engine-metrics': 9102}, selected)

    def test_exposure(self):
        ingress = find(charts.render(charts.example('production')),
                       'Ingress', 'qinling')['spec']
        self.assertEqual('qinling-tls', ingress['tls'][0]['secretName'])
        self.assertEqual(ingress['rules'][0]['host'],
                         ingress['tls'][0]['hosts'][0])
        route = find(charts.render(charts.example('gateway')), 'HTTPRoute',
                     'qinling')['spec']
        self.assertEqual([{'name': 'qinling-api', 'port': 7070}],
                         route['rules'][0]['backendRefs'])

    def test_changed_options_replace_pods(self):
        def checksum(*layers):
            template = find(self.render(*layers), 'Deployment',
                            'qinling-api')['spec']['template']
            return template['metadata']['annotations'][
                'checksum/configuration']
        self.assertEqual(checksum(), checksum())
        self.assertNotEqual(checksum(), checksum(
            {'config': {'api': {'max_page_size': 5}}}))

    def test_notes(self):
        notes = charts.render_files(charts.VALUES)[
            'qinling/templates/NOTES.txt']
        for text in ('upgrade check', 'secret qinling-keys',
                     'no runtime yet', 'everyone who can reach the API'):
            self.assertIn(text, notes)
