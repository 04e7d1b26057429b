# SPDX-License-Identifier: Apache-2.0
"""Tests of access, discovery and faults."""

import json

from kubernetes import client
import urllib3

from qinling.tests.unit.kubernetes import base


class TestAccess(base.TestCase):

    def setUp(self):
        super().setUp()
        self.service = client.CoreV1Api(self.connect(
            self.cluster.kubeconfig))

    def test_unauthenticated_request_is_rejected(self):
        for headers in ({}, {'Authorization': 'Bearer wrong'},
                        {'Authorization': 'Basic eDp5'}):
            answer = urllib3.PoolManager(cert_reqs='CERT_NONE').request(
                'GET', self.cluster.url + '/api/v1/nodes', headers=headers)
            self.assertEqual((401, 'Unauthorized'),
                             (answer.status, answer.json()['reason']))

    def test_user_of_a_call(self):
        self.core.list_node()
        self.service.list_namespaced_pod(base.NAMESPACE)
        self.assertEqual(
            [('kubernetes-admin', 'list', 'nodes'),
             (self.cluster.user, 'list', 'pods')],
            [(call.user, call.verb, call.resource)
             for call in self.cluster.calls])

    def test_rules(self):
        self.cluster.access.rules = [
            {'apiGroups': [''], 'resources': ['pods', 'pods/log'],
             'verbs': ['get', 'list']},
            {'apiGroups': [''], 'resources': ['secrets'],
             'resourceNames': ['mine'], 'verbs': ['get']}]
        self.service.list_namespaced_pod(base.NAMESPACE)
        self.check_refused(404, self.service.read_namespaced_secret, 'mine',
                           base.NAMESPACE)
        body = self.check_refused(403, self.service.create_namespaced_pod,
                                  base.NAMESPACE, base.pod())
        self.assertEqual(
            f'pods is forbidden: User "{self.cluster.user}" cannot create '
            'resource "pods" in API group "" in the namespace "qinling"',
            body['message'])
        for function, args in (
                (self.service.list_namespaced_pod, ('default',)),
                (self.service.list_node, ()),
                (self.service.read_namespaced_secret,
                 ('other', base.NAMESPACE)),
                (self.service.read_namespaced_pod_status,
                 ('p', base.NAMESPACE))):
            self.check_refused(403, function, *args)

    def test_review(self):
        self.cluster.access.rules = [{
            'apiGroups': ['apps'], 'resources': ['deployments'],
            'verbs': ['*']}]
        api = client.AuthorizationV1Api(self.service.api_client)
        for verb, resource, allowed in (('get', 'deployments', True),
                                        ('get', 'replicasets', False)):
            review = api.create_self_subject_access_review({'spec': {
                'resourceAttributes': {
                    'namespace': base.NAMESPACE, 'verb': verb,
                    'group': 'apps', 'resource': resource}}})
            self.assertEqual(allowed, review.status.allowed)

    def test_discovery(self):
        self.assertEqual('1', client.VersionApi(self.api).get_code().major)
        names = {resource.name for resource in
                 self.core.get_api_resources().resources}
        self.assertLessEqual({'pods', 'pods/resize', 'pods/log'}, names)
        groups = {group.name for group in
                  client.ApisApi(self.api).get_api_versions().groups}
        self.assertLessEqual({'apps', 'policy', 'networking.k8s.io',
                              'coordination.k8s.io'}, groups)

    def test_unknown_paths(self):
        request = self.api.rest_client.pool_manager.request
        for path in ('/nothing', '/api/v2/pods', '/api/v1/nothings',
                     '/apis/none/v1/pods', '/api/v1/namespaces/a/pods/p/x'):
            self.assertEqual(404, request('GET', self.cluster.url
                                          + path).status, path)

    def test_unsupported_methods(self):
        request = self.api.rest_client.pool_manager.request
        for method, path in (('POST', 'pods'), ('PUT', 'namespaces'),
                             ('DELETE', 'namespaces'),
                             ('DELETE', 'namespaces/qinling/pods/p/log')):
            answer = request(method, f'{self.cluster.url}/api/v1/{path}',
                             json={})
            self.assertEqual(405, answer.status, (method, path))


class TestWithoutResize(base.TestCase):
    cluster_options = {'without': ['pods/resize']}

    def test_discovery(self):
        names = {resource.name for resource in
                 self.core.get_api_resources().resources}
        self.assertNotIn('pods/resize', names)

    def test_resize(self):
        self.create()
        self.check_refused(404, self.core.patch_namespaced_pod_resize, 'p',
                           base.NAMESPACE, {'spec': {}})


class TestFaults(base.TestCase):

    def test_status(self):
        fault = self.cluster.faults.status(500, verb='list', resource='nodes',
                                           times=2)
        self.core.list_namespaced_pod(base.NAMESPACE)
        for _ in range(2):
            self.check_refused(500, self.core.list_node)
        self.core.list_node()
        self.assertEqual(2, fault.met)

    def test_too_many(self):
        self.cluster.faults.too_many(7)
        error = self.assertRaises(client.ApiException, self.core.list_node)
        self.assertEqual((429, '7'),
                         (error.status, error.headers['Retry-After']))
        self.assertEqual(7, json.loads(error.body)['details'][
            'retryAfterSeconds'])

    def test_reset(self):
        self.cluster.faults.reset()
        self.assertRaises(urllib3.exceptions.HTTPError, self.create)
        self.assertEqual([], self.pods())

    def test_reset_after_the_effect(self):
        self.cluster.faults.reset(after=True)
        self.assertRaises(urllib3.exceptions.HTTPError, self.create)
        self.assertEqual(1, len(self.pods()))

    def test_clear(self):
        self.cluster.faults.status(503, times=None)
        for _ in range(3):
            self.check_refused(503, self.core.list_node)
        self.cluster.faults.clear()
        self.core.list_node()
