# SPDX-License-Identifier: Apache-2.0
"""Tests of the objects of the Helm chart, without a cluster."""

import json

from kubernetes import client
import kubernetes_validate
from oslotest import base
import yaml

from qinling.tests.unit.deploy import charts
from qinling.tests.unit.deploy import manifests
from qinling.tests.unit.deploy import restricted

find, pod, list_references = charts.find, charts.pod, charts.list_references

#: Objects of other projects, whose schemas are not those of Kubernetes.
FOREIGN = {'ServiceMonitor': 'monitoring.coreos.com/v1',
           'HTTPRoute': 'gateway.networking.k8s.io/v1'}
#: Labels that only Helm writes.
HELM_LABELS = ('app.kubernetes.io/instance', 'app.kubernetes.io/version',
               'app.kubernetes.io/managed-by', 'helm.sh/chart')


class ExamplesTest(base.BaseTestCase):
    """Checks of every example."""

    def setUp(self):
        super().setUp()
        self.values = {path.stem: yaml.safe_load(path.read_text())
                       for path in charts.EXAMPLES}
        self.releases = charts.render_examples()

    def pods(self):
        for name, objects in self.releases.items():
            for item, template in manifests.workloads(objects):
                yield f'{name}: {manifests.name(item)}', item, template['spec']

    def test_lint(self):
        for name, values in {**self.values, 'least': charts.VALUES}.items():
            self.assertEqual([], charts.lint(values), name)

    def test_schema_of_kubernetes(self):
        version = kubernetes_validate.latest_version()
        for name, objects in self.releases.items():
            for item in objects:
                if item['kind'] in FOREIGN:
                    self.assertEqual(FOREIGN[item['kind']],
                                     item['apiVersion'])
                    continue
                try:
                    kubernetes_validate.validate(item, version, strict=True)
                except kubernetes_validate.ValidationError as e:
                    self.fail(f'{name}: {manifests.name(item)}: {e.message}')

    def test_models_of_the_client_read_every_object(self):
        api = client.ApiClient()
        self.addCleanup(api.close)
        for objects in self.releases.values():
            for item in objects:
                if item['kind'] in FOREIGN:
                    continue
                group, _slash, version = item['apiVersion'].rpartition('/')
                model = version.title() + item['kind']
                read = api._ApiClient__deserialize(item, model)
                self.assertEqual(item['metadata']['name'],
                                 read.metadata.name, group)

    def test_pods_are_restricted(self):
        for title, _item, spec in self.pods():
            self.assertEqual([], list(restricted.violations(spec)), title)

    def test_writable_directories_are_volumes_of_the_user(self):
        # The kubelet gives such a directory to the group; the mode of a file
        # system in memory depends on the runtime of containers.
        for title, _item, spec in self.pods():
            self.assertEqual(spec['securityContext']['runAsGroup'],
                             spec['securityContext']['fsGroup'], title)
            tmp, = (volume for volume in spec['volumes']
                    if volume['name'] == 'tmp')
            self.assertEqual({}, tmp['emptyDir'], title)
            for container in manifests.containers(spec):
                self.assertIn({'name': 'tmp', 'mountPath': '/tmp'},
                              container['volumeMounts'], title)

    def test_names_are_unique(self):
        for name, objects in self.releases.items():
            names = list(map(manifests.name, objects))
            self.assertEqual(sorted(set(names)), sorted(names), name)

    def test_namespaces(self):
        for objects in self.releases.values():
            for item in objects:
                self.assertEqual(
                    item['kind'] not in ('Namespace', 'PriorityClass'),
                    'namespace' in item['metadata'], manifests.name(item))

    def test_tokens(self):
        for title, item, spec in self.pods():
            self.assertIs(item['metadata']['name'] == 'qinling-engine',
                          spec['automountServiceAccountToken'], title)

    def test_volumes_and_configuration_are_there(self):
        for name, objects in self.releases.items():
            present = {(item['kind'], item['metadata']['name'])
                       for item in objects}
            for item, template in manifests.workloads(objects):
                for kind, used in list_references(template['spec']):
                    if used not in ('cloud-ca', 'qinling-connections',
                                    'qinling-encryption'):
                        self.assertIn((kind, used), present, name)

    def test_images_by_digest(self):
        for _title, _item, spec in self.pods():
            for container in manifests.containers(spec):
                self.assertRegex(container['image'],
                                 r'^[a-z.]+/qinling/service(:6\.0\.0|@sha256:'
                                 '[0-9a-f]{64})$')
        spec = pod(self.releases['production'], 'qinling-engine')
        self.assertIn('@sha256:', spec['containers'][0]['image'])
        self.assertEqual([{'name': 'registry'}], spec['imagePullSecrets'])

    def test_only_file_systems_need_a_volume(self):
        for name, objects in self.releases.items():
            claims = manifests.of_kind(objects, 'PersistentVolumeClaim')
            self.assertEqual(name in ('gateway', 'one-node'), bool(claims),
                             name)

    def test_adapter_knows_the_metrics(self):
        rule, = yaml.safe_load(charts.ADAPTER.read_text())['rules']['custom']
        scaler = find(self.releases['production'], 'HorizontalPodAutoscaler',
                      'qinling-engine')
        metric, = scaler['spec']['metrics']
        self.assertEqual(rule['name']['as'], metric['pods']['metric']['name'])
        source = (manifests.CHECKOUT / 'qinling' / 'engine'
                  / 'metrics_collector.py').read_text()
        for word in ('running', 'queued'):
            self.assertIn(f'qinling_engine_{word}_executions', source)
            self.assertIn(f'qinling_engine_{word}_executions',
                          rule['metricsQuery'])


class KustomizationTest(base.BaseTestCase):
    """The chart and the kustomization install the same."""

    def normalize(self, item):
        """Return an object without what only one of both has."""
        item = json.loads(json.dumps(item))
        meta = item['metadata']
        meta['annotations'] = {}
        for labels in (meta.setdefault('labels', {}),
                       (manifests.template(item) or {}).get(
                           'metadata', {}).get('labels', {})):
            labels.pop('app.kubernetes.io/part-of', None)
            for label in HELM_LABELS:
                labels.pop(label, None)
        labels = meta['labels']
        if item['kind'] not in ('Deployment', 'Service', 'Job'):
            for label in ('name', 'component'):
                labels.pop('app.kubernetes.io/' + label, None)
        template = manifests.template(item)
        if template:
            template['metadata'].pop('annotations', None)
            template['spec'].pop('priorityClassName', None)
            for container in manifests.containers(template['spec']):
                container.pop('imagePullPolicy', None)
                container['image'] = 'qinling/service'
            for volume in template['spec']['volumes']:
                sources = volume.get('projected', {}).get('sources', [])
                sources[:] = [source for source in sources if source.get(
                    'secret', {}).get('name') != 'qinling-keys']
        return item

    def test_same_objects(self):
        ours = {manifests.name(item): self.normalize(item)
                for item in charts.render(charts.VALUES)
                if 'helm.sh/hook' not in item['metadata'].get(
                    'annotations', {})}
        theirs = {manifests.name(item): self.normalize(item)
                  for item in manifests.written(manifests.BASE)}
        del theirs['Job qinling/qinling-migration']
        del theirs['Namespace /qinling']
        self.assertEqual({
            'ConfigMap qinling/qinling', 'Secret qinling/qinling-keys',
            'PriorityClass /qinling-control-plane',
            'PriorityClass /qinling-workers'},
            set(ours) - set(theirs))
        for name, item in theirs.items():
            ours[name].get('spec', {}).pop('type', None)
            self.assertEqual(item, ours[name], name)

    def test_same_migration(self):
        job = find(manifests.written(manifests.BASE), 'Job',
                   'qinling-migration')['spec']['template']['spec']
        hook = find(charts.render(charts.VALUES), 'Job', 'qinling-migration')[
            'spec']['template']['spec']
        for key in ('command', 'args', 'resources', 'securityContext'):
            self.assertEqual(job['containers'][0][key],
                             hook['containers'][0][key])
        self.assertEqual(job['securityContext'], hook['securityContext'])
