# SPDX-License-Identifier: Apache-2.0
"""Tests of creating, changing and removing objects by the API conventions."""

from qinling.tests.unit.kubernetes import base

SECRET = {'metadata': {'name': 's', 'labels': {'a': '1'}},
          'stringData': {'key': 'value'}}


class TestObjects(base.TestCase):

    def secret(self, **fields):
        return self.core.create_namespaced_secret(
            base.NAMESPACE, {**SECRET, **fields})

    def patch(self, body, content_type='application/merge-patch+json'):
        return self.core.patch_namespaced_secret(
            's', base.NAMESPACE, body, _content_type=content_type)

    def test_create(self):
        secret = self.secret()
        self.assertEqual({'key': 'dmFsdWU='}, secret.data)
        self.assertEqual('Opaque', secret.type)
        self.assertTrue(secret.metadata.uid)
        self.assertTrue(secret.metadata.creation_timestamp)
        self.assertTrue(secret.metadata.resource_version.isdigit())

    def test_create_of_an_existing_object(self):
        self.secret()
        body = self.check_refused(409, self.secret)
        self.assertEqual('AlreadyExists', body['reason'])
        self.assertEqual({'name': 's', 'kind': 'secrets'}, body['details'])

    def test_names_are_generated(self):
        names = {self.secret(metadata={'generateName': 'a-'}).metadata.name
                 for _ in range(20)}
        self.assertEqual(20, len(names))
        for name in names:
            self.assertRegex(name, '^a-[a-z0-9]{5}$')

    def test_dry_run(self):
        self.core.create_namespaced_secret(base.NAMESPACE, SECRET,
                                           dry_run='All')
        self.check_refused(404, self.core.read_namespaced_secret, 's',
                           base.NAMESPACE)

    def test_not_found(self):
        body = self.check_refused(404, self.core.read_namespaced_secret,
                                  'none', base.NAMESPACE)
        self.assertEqual(('NotFound', 'secrets "none" not found'),
                         (body['reason'], body['message']))

    def test_missing_namespace(self):
        body = self.check_refused(404, self.core.create_namespaced_secret,
                                  'none', SECRET)
        self.assertEqual('namespaces "none" not found', body['message'])

    def test_resource_version_rises(self):
        versions = [int(self.secret().metadata.resource_version)]
        for number in range(3):
            versions.append(int(self.patch(
                {'metadata': {'labels': {'a': str(number)}}}
            ).metadata.resource_version))
        self.assertEqual(sorted(versions), versions)

    def test_patch_without_a_change_keeps_the_version(self):
        first = self.secret()
        self.assertEqual(first.metadata.resource_version, self.patch(
            {'metadata': {'labels': {'a': '1'}}}).metadata.resource_version)

    def test_stale_patch(self):
        version = self.secret().metadata.resource_version
        change = {'metadata': {'resourceVersion': version,
                               'labels': {'a': '2'}}}
        self.patch(change)
        body = self.check_refused(409, self.patch, change)
        self.assertEqual('Conflict', body['reason'])
        self.assertIn('the object has been modified', body['message'])

    def test_stale_replace(self):
        old = self.secret()
        self.patch({'metadata': {'labels': {'a': '2'}}})
        self.check_refused(409, self.core.replace_namespaced_secret, 's',
                           base.NAMESPACE, old)

    def test_replace(self):
        secret = self.secret()
        secret.data = {'other': 'eA=='}
        secret = self.core.replace_namespaced_secret('s', base.NAMESPACE,
                                                     secret)
        self.assertEqual({'other': 'eA=='}, secret.data)

    def test_uid_of_another_object_conflicts(self):
        self.secret()
        self.check_refused(409, self.patch, {'metadata': {'uid': 'other'}})

    def test_merge_patch(self):
        self.secret()
        secret = self.patch({'metadata': {'labels': {'a': None, 'b': '2'}}})
        self.assertEqual({'b': '2'}, secret.metadata.labels)

    def test_json_patch(self):
        version = self.secret().metadata.resource_version
        secret = self.patch([
            {'op': 'test', 'path': '/metadata/resourceVersion',
             'value': version},
            {'op': 'add', 'path': '/metadata/labels/x~1y', 'value': '1'},
            {'op': 'remove', 'path': '/metadata/labels/a'}],
            'application/json-patch+json')
        self.assertEqual({'x/y': '1'}, secret.metadata.labels)

    def test_json_patch_that_does_not_fit(self):
        self.secret()
        for operation in ({'op': 'test', 'path': '/type', 'value': 'x'},
                          {'op': 'remove', 'path': '/data/none'},
                          {'op': 'nothing', 'path': '/type'}):
            self.check_refused(422, self.patch, [operation],
                               'application/json-patch+json')

    def test_patch_of_an_unknown_kind(self):
        self.secret()
        body = self.check_refused(415, self.patch, {}, 'application/json')
        self.assertEqual('UnsupportedMediaType', body['reason'])

    def test_strategic_patch_merges_lists_by_key(self):
        self.deploy(replicas=0, env=[{'name': 'A', 'value': '1'},
                                     {'name': 'B', 'value': '2'}])
        deployment = self.apps.patch_namespaced_deployment(
            'd', base.NAMESPACE, {'spec': {'template': {'spec': {
                'containers': [{'name': 'c', 'env': [
                    {'name': 'B', '$patch': 'delete'},
                    {'name': 'C', 'value': '3'}]}]}}}})
        container, = deployment.spec.template.spec.containers
        self.assertEqual('example/sleep:1', container.image)
        self.assertEqual([('A', '1'), ('C', '3')],
                         [(variable.name, variable.value)
                          for variable in container.env])

    def test_merge_patch_replaces_lists(self):
        self.deploy(replicas=0, env=[{'name': 'A', 'value': '1'}])
        self.check_refused(422, self.apps.patch_namespaced_deployment, 'd',
                           base.NAMESPACE, {'spec': {'template': {'spec': {
                               'containers': [{'name': 'c'}]}}}},
                           _content_type='application/merge-patch+json')

    def test_delete(self):
        secret = self.secret()
        answer = self.core.delete_namespaced_secret('s', base.NAMESPACE)
        self.assertEqual(('Status', 'Success', secret.metadata.uid), (
            answer['kind'], answer['status'], answer['details']['uid']))
        self.check_refused(404, self.core.delete_namespaced_secret, 's',
                           base.NAMESPACE)

    def test_delete_with_preconditions(self):
        self.secret()
        body = self.check_refused(
            409, self.core.delete_namespaced_secret, 's', base.NAMESPACE,
            body={'preconditions': {'uid': 'other'}})
        self.assertIn('UID in precondition: other', body['message'])

    def test_delete_collection(self):
        for name, value in (('x', '1'), ('y', '1'), ('z', '2')):
            self.secret(metadata={'name': name, 'labels': {'a': value}})
        self.core.delete_collection_namespaced_secret(
            base.NAMESPACE, label_selector='a=1')
        self.assertEqual(['z'], [
            secret.metadata.name for secret in
            self.core.list_namespaced_secret(base.NAMESPACE).items])

    def test_finalizers_keep_an_object(self):
        self.secret(metadata={'name': 's', 'finalizers': ['example.org/x']})
        self.core.delete_namespaced_secret('s', base.NAMESPACE)
        secret = self.core.read_namespaced_secret('s', base.NAMESPACE)
        self.assertTrue(secret.metadata.deletion_timestamp)
        self.patch({'metadata': {'finalizers': None}})
        self.check_refused(404, self.core.read_namespaced_secret, 's',
                           base.NAMESPACE)

    def test_immutable_secret(self):
        self.secret(immutable=True)
        self.check_refused(422, self.patch, {'data': {'key': 'eA=='}})

    def test_namespace_is_deleted_with_its_objects(self):
        self.cluster.make_namespace('other')
        self.core.create_namespaced_secret('other', {'metadata': {
            'name': 's', 'finalizers': ['example.org/x']}})
        self.wait_until(lambda: self.core.list_namespaced_service_account(
            'other').items)
        self.core.create_namespaced_pod('other', base.pod())
        self.core.delete_namespace('other')
        body = self.check_refused(403, self.core.create_namespaced_secret,
                                  'other', {'metadata': {'name': 'new'}})
        self.assertEqual('NamespaceTerminating',
                         body['details']['causes'][0]['reason'])
        self.core.patch_namespaced_secret(
            's', 'other', {'metadata': {'finalizers': None}},
            _content_type='application/merge-patch+json')
        self.wait_until(lambda: 'other' not in {
            namespace.metadata.name
            for namespace in self.core.list_namespace().items})
