# SPDX-License-Identifier: Apache-2.0
"""Tests of quotas, pod security and other admission controllers."""

from kubernetes import client

from qinling.tests.unit.kubernetes import base

RESOURCES = {'requests': {'cpu': '1', 'memory': '1Gi'},
             'limits': {'cpu': '2', 'memory': '1Gi'}}


class TestSecurity(base.TestCase):

    def violates(self, **fields):
        pod = base.pod()
        context = pod['spec']['containers'][0]['securityContext']
        for name, value in fields.items():
            context.pop(name)
            if value is not None:
                context[name] = value
        body = self.check_refused(403, self.core.create_namespaced_pod,
                                  base.NAMESPACE, pod)
        return body['message']

    def test_restricted(self):
        self.create()
        for name, value in (('allowPrivilegeEscalation', None),
                            ('allowPrivilegeEscalation', True),
                            ('capabilities', None),
                            ('capabilities', {'drop': ['KILL']}),
                            ('runAsNonRoot', None),
                            ('seccompProfile', None),
                            ('seccompProfile', {'type': 'Unconfined'}),
                            ('runAsUser', 0)):
            message = self.violates(**{name: value})
            self.assertIn('violates PodSecurity "restricted:latest": ',
                          message)
            self.assertIn(name.replace('runAsUser', 'runAsUser=0'), message)

    def test_volumes_of_the_host(self):
        body = self.check_refused(403, self.create, spec={'volumes': [
            {'name': 'v', 'hostPath': {'path': '/'}}]})
        self.assertIn('restricted volume types', body['message'])

    def test_deployment_fails_later(self):
        deployment = base.deployment()
        del deployment['spec']['template']['spec']['containers'][0][
            'securityContext']
        self.apps.create_namespaced_deployment(base.NAMESPACE, deployment)

        def failure():
            status = self.apps.read_namespaced_deployment(
                'd', base.NAMESPACE).status
            return [condition.message for condition in status.conditions or ()
                    if condition.type == 'ReplicaFailure']
        self.wait_until(failure)
        self.assertIn('violates PodSecurity', failure()[0])

    def test_runtime_class(self):
        spec = {'runtimeClassName': 'gvisor'}
        body = self.check_refused(403, self.create, spec=spec)
        self.assertIn('RuntimeClass "gvisor" not found', body['message'])
        client.NodeV1Api(self.api).create_runtime_class(
            {'metadata': {'name': 'gvisor'}, 'handler': 'runsc'})
        self.create(spec=spec)

    def test_service_account(self):
        body = self.check_refused(403, self.create,
                                  spec={'serviceAccountName': 'none'})
        self.assertIn('serviceaccount "none" not found', body['message'])

    def test_token_is_mounted_by_default(self):
        self.assertEqual(
            '/var/run/secrets/kubernetes.io/serviceaccount',
            self.create('a').spec.containers[0].volume_mounts[0].mount_path)
        self.assertIsNone(self.create('b', spec={
            'automountServiceAccountToken': False}).spec.volumes)


class TestQuotas(base.TestCase):

    def limit(self, **hard):
        self.core.create_namespaced_resource_quota(base.NAMESPACE, {
            'metadata': {'name': 'q'}, 'spec': {'hard': {
                name.replace('_', '.'): value
                for name, value in hard.items()}}})

    def test_pods(self):
        self.limit(pods='1')
        self.create('a')
        body = self.check_refused(403, self.create, 'b')
        self.assertEqual(
            'pods "b" is forbidden: exceeded quota: q, requested: pods=1, '
            'used: pods=1, limited: pods=1', body['message'])

    def test_compute(self):
        self.limit(requests_cpu='1500m', limits_memory='10Gi')
        self.assertIn('must specify', self.check_refused(
            403, self.create)['message'])
        self.create('a', resources=RESOURCES)
        self.assertIn('requested: requests.cpu=1, used: requests.cpu=1, '
                      'limited: requests.cpu=1500m',
                      self.check_refused(403, self.create, 'b',
                                         resources=RESOURCES)['message'])

    def test_ended_pods_do_not_count(self):
        self.limit(pods='1')
        self.create('a', 'example/echo:1', spec={'restartPolicy': 'Never'})
        self.await_phase('Succeeded', 'a')
        self.create('b')

    def test_status(self):
        self.limit(pods='5', limits_cpu='9')
        self.create(resources=RESOURCES)
        self.wait_until(lambda: self.core.read_namespaced_resource_quota(
            'q', base.NAMESPACE).status.used
            == {'pods': '1', 'limits.cpu': '2'})

    def test_deployment_continues_after_quota_is_freed(self):
        self.limit(pods='1')
        self.deploy(replicas=2)
        self.wait_until(lambda: base.condition(
            self.apps.read_namespaced_deployment('d', base.NAMESPACE),
            'ReplicaFailure') == 'True')
        self.core.delete_namespaced_resource_quota('q', base.NAMESPACE)
        self.assertIsNone(base.condition(self.await_available(2),
                                         'ReplicaFailure'))

    def test_resize(self):
        self.limit(limits_cpu='3')
        self.create(resources=RESOURCES)
        self.assertIn('exceeded quota', self.check_refused(
            403, self.core.patch_namespaced_pod_resize, 'p', base.NAMESPACE,
            {'spec': {'containers': [{'name': 'c', 'resources': {
                'limits': {'cpu': '4'}}}]}})['message'])
