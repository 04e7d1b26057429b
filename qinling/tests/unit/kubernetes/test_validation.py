# SPDX-License-Identifier: Apache-2.0
"""Tests of rejected requests."""

from qinling.tests.unit.kubernetes import base


class TestStructure(base.TestCase):
    """Raw objects, past the checks of the client."""

    def send(self, status, body, path='pods', query=''):
        """Return the answer to a raw object."""
        answer = self.api.rest_client.pool_manager.request(
            'POST', f'{self.cluster.url}/api/v1/namespaces/{base.NAMESPACE}/'
            f'{path}{query}', json=body, retries=False)
        self.assertEqual(status, answer.status, answer.data)
        return answer.json()

    def test_unknown_field(self):
        pod = base.pod()
        pod['spec']['containers'][0]['imagee'] = 'x'
        self.assertIn(
            'strict decoding error: unknown field '
            '"spec.containers[0].imagee"', self.send(400, pod)['message'])

    def test_unknown_field_without_strict_validation(self):
        pod = dict(base.pod(), nothing=1)
        self.assertNotIn('nothing', self.send(
            201, pod, query='?fieldValidation=Ignore'))

    def test_wrong_types(self):
        for value, type_name in ((1, 'number'), ({}, 'object'), ([], 'array'),
                                 (True, 'bool')):
            pod = base.pod(env=[{'name': 'A', 'value': value}])
            message = self.send(400, pod)['message']
            self.assertIn(f'json: cannot unmarshal {type_name} into Go struct '
                          'field spec.containers[0].env[0].value', message)

    def test_numeric_labels(self):
        self.send(400, base.pod(labels={'a': 1}))

    def test_required_fields(self):
        pod = base.pod()
        del pod['spec']['containers'][0]['name']
        self.assertEqual('Pod "p" is invalid: spec.containers[0].name: '
                         'Required value', self.send(422, pod)['message'])

    def test_no_spec(self):
        self.assertIn('spec: Required value', self.send(
            422, {'metadata': {'name': 'p'}})['message'])

    def test_no_name(self):
        self.assertIn('name or generateName is required', self.send(
            422, {'metadata': {}}, 'secrets')['message'])

    def test_other_kind(self):
        self.send(400, dict(base.pod(), kind='Secret'))
        self.send(400, dict(base.pod(), apiVersion='v2'))

    def test_other_namespace(self):
        pod = base.pod()
        pod['metadata']['namespace'] = 'other'
        self.assertIn('does not match the namespace',
                      self.send(400, pod)['message'])

    def test_malformed_json(self):
        answer = self.api.rest_client.pool_manager.request(
            'POST', f'{self.cluster.url}/api/v1/namespaces/{base.NAMESPACE}/'
            'pods', body=b'{', headers={'Content-Type': 'application/json'})
        self.assertEqual(400, answer.status)

    def test_other_content(self):
        answer = self.api.rest_client.pool_manager.request(
            'POST', f'{self.cluster.url}/api/v1/namespaces/{base.NAMESPACE}/'
            'pods', body=b'a: b', headers={'Content-Type': 'text/plain'})
        self.assertEqual(415, answer.status)

    def test_large_body(self):
        answer = self.send(413, {'metadata': {'name': 's'},
                                 'data': {'a': 'A' * (4 << 20)}}, 'secrets')
        self.assertEqual('RequestEntityTooLarge', answer['reason'])

    def test_version_at_creation(self):
        pod = base.pod()
        pod['metadata']['resourceVersion'] = '5'
        self.send(400, pod)

    def test_unencoded_secret(self):
        self.send(400, {'metadata': {'name': 's'}, 'data': {'a': '%'}},
                  'secrets')

    def test_times(self):
        def lease(time):
            return self.api.rest_client.pool_manager.request(
                'POST', f'{self.cluster.url}/apis/coordination.k8s.io/v1/'
                f'namespaces/{base.NAMESPACE}/leases', retries=False, json={
                    'metadata': {'generateName': 'l-'},
                    'spec': {'renewTime': time}}).status

        self.assertEqual(201, lease('2026-11-21T10:00:00.000000Z'))
        for time in ('2026-11-21T10:00:00Z', '2026-11-21T10:00:00.123Z',
                     '2026-11-21 10:00:00.000000Z', 5):
            self.assertEqual(400, lease(time), time)

    def test_bad_quantity(self):
        pod = base.pod(resources={'limits': {'cpu': '1x'}})
        self.assertIn('quantities must match',
                      self.send(400, pod)['message'])


class TestValues(base.TestCase):
    """Objects of the right form with wrong values."""

    def causes(self, function, *args, **kwargs):
        """Return {field: reason} of a rejection."""
        body = self.check_refused(422, function, *args, **kwargs)
        self.assertEqual('Invalid', body['reason'])
        return {cause['field']: cause['reason']
                for cause in body['details']['causes']}

    def test_names(self):
        for name in ('A', 'a_b', '-a', 'a..b', 'a' * 254, 'a/b'):
            self.assertEqual({'metadata.name': 'FieldValueInvalid'},
                             self.causes(self.create, name))
        self.create('a.b-c.0')

    def test_labels(self):
        for labels in ({'a': 'x y'}, {'a': 'x' * 64}, {'a': '-x'},
                       {'a b': ''}, {'/a': ''}, {'A_/x': ''}, {'': 'x'}):
            self.assertEqual({'metadata.labels': 'FieldValueInvalid'},
                             self.causes(self.create, labels=labels), labels)
        self.create(labels={'a': '', 'x.example.org/a_B.c': 'A-_.9'})

    def test_environment(self):
        self.assertEqual(
            {'spec.containers[0].env[1].name': 'FieldValueDuplicate'},
            self.causes(self.create, env=[{'name': 'A', 'value': '1'},
                                          {'name': 'A', 'value': '2'}]))
        self.assertEqual(
            {'spec.containers[0].env[0].name': 'FieldValueInvalid'},
            self.causes(self.create, env=[{'name': 'A=B'}]))
        self.assertEqual(
            {'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath':
             'FieldValueNotSupported'},
            self.causes(self.create, env=[{'name': 'A', 'valueFrom': {
                'fieldRef': {'fieldPath': 'spec.none'}}}]))

    def test_containers(self):
        body = base.pod()
        body['spec']['containers'] *= 2
        self.assertIn(
            'spec.containers[1].name', self.causes(
                self.core.create_namespaced_pod, base.NAMESPACE, body))

    def test_mounts(self):
        self.assertEqual(
            {'spec.containers[0].volumeMounts[0].name':
             'FieldValueNotFound'},
            self.causes(self.create, volumeMounts=[
                {'name': 'none', 'mountPath': '/x'}]))

    def test_requests_above_limits(self):
        self.assertEqual(
            {'spec.containers[0].resources.requests': 'FieldValueInvalid'},
            self.causes(self.create, resources={
                'requests': {'cpu': '2'}, 'limits': {'cpu': '1500m'}}))

    def test_probes(self):
        self.assertEqual(
            {'spec.containers[0].readinessProbe': 'FieldValueRequired'},
            self.causes(self.create, readinessProbe={'periodSeconds': 1}))
        self.assertEqual(
            {'spec.containers[0].livenessProbe.successThreshold':
             'FieldValueInvalid'},
            self.causes(self.create, livenessProbe={
                'successThreshold': 2, 'tcpSocket': {'port': 1}}))

    def test_ports(self):
        self.assertIn('spec.containers[0].ports[0].name', self.causes(
            self.create, ports=[{'containerPort': 1,
                                 'name': 'longer-than-fifteen'}]))
        self.assertIn('spec.containers[0].ports[0].containerPort',
                      self.causes(self.create, ports=[
                          {'containerPort': 70000}]))

    def test_selector_that_does_not_match(self):
        self.assertEqual(
            {'spec.template.metadata.labels': 'FieldValueInvalid'},
            self.causes(self.deploy, spec={
                'selector': {'matchLabels': {'app': 'other'}}}))

    def test_selector_does_not_change(self):
        self.deploy(replicas=0)
        self.assertIn('spec.selector', self.causes(
            self.apps.patch_namespaced_deployment, 'd', base.NAMESPACE,
            {'spec': {'selector': {'matchLabels': {'b': 'c'}},
                      'template': {'metadata': {'labels': {'b': 'c'}}}}}))

    def test_restart_policy_of_a_deployment(self):
        deployment = base.deployment()
        deployment['spec']['template']['spec']['restartPolicy'] = 'Never'
        self.assertEqual(
            {'spec.template.spec.restartPolicy': 'FieldValueNotSupported'},
            self.causes(self.apps.create_namespaced_deployment,
                        base.NAMESPACE, deployment))

    def test_strategy(self):
        self.assertIn('spec.strategy.rollingUpdate.maxUnavailable',
                      self.causes(self.deploy, spec={'strategy': {
                          'rollingUpdate': {'maxSurge': 0,
                                            'maxUnavailable': '0%'}}}))

    def test_spec_of_a_pod_does_not_change(self):
        self.create()
        patch = self.core.patch_namespaced_pod
        self.assertEqual({'spec': 'FieldValueForbidden'}, self.causes(
            patch, 'p', base.NAMESPACE, {'spec': {'containers': [
                {'name': 'c', 'env': [{'name': 'A', 'value': 'B'}]}]}}))
        self.assertEqual({'spec': 'FieldValueForbidden'}, self.causes(
            patch, 'p', base.NAMESPACE, {'spec': {'containers': [
                {'name': 'c', 'resources': {'limits': {'cpu': '1'}}}]}}))
        patch('p', base.NAMESPACE, {'spec': {'activeDeadlineSeconds': 60}})

    def test_budget(self):
        self.assertIn('spec', self.causes(
            self.policy.create_namespaced_pod_disruption_budget,
            base.NAMESPACE, {'metadata': {'name': 'b'}, 'spec': {
                'minAvailable': 1, 'maxUnavailable': 1}}))
