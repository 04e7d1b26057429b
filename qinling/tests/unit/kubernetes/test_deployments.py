# SPDX-License-Identifier: Apache-2.0
"""Tests of deployments, replica sets, budgets and garbage."""

from qinling.tests.unit.kubernetes import base

HASH = 'pod-template-hash'


class TestReplicaSets(base.TestCase):

    def names(self, selector='app=d'):
        return {pod.metadata.name for pod in self.pods(selector)
                if pod.metadata.deletion_timestamp is None}

    def relabel(self, name, **labels):
        return self.core.patch_namespaced_pod(
            name, base.NAMESPACE, {'metadata': {'labels': labels}})

    def test_pods_are_created(self):
        self.deploy()
        deployment = self.await_available(2)
        self.assertEqual('True', base.condition(deployment, 'Available'))
        self.assertEqual('True', base.condition(deployment, 'Progressing'))
        for pod in self.pods('app=d'):
            owner, = pod.metadata.owner_references
            self.assertEqual(('ReplicaSet', True),
                             (owner.kind, owner.controller))
            self.assertTrue(owner.name.startswith('d-'))
            self.assertEqual(owner.name.partition('-')[2],
                             pod.metadata.labels[HASH])
            self.assertTrue(pod.metadata.name.startswith(owner.name))

    def test_pod_is_released(self):
        self.deploy()
        self.await_available(2)
        before = self.names()
        name = min(before)
        self.relabel(name, app='other')
        self.await_pod(lambda pod: not pod.metadata.owner_references, name)
        self.wait_until(lambda: len(self.names()) == 2)
        self.assertNotIn(name, self.names())
        self.await_available(2)
        self.assertEqual('Running', self.read(name).status.phase)

    def test_orphan_is_adopted(self):
        self.deploy()
        self.await_available(2)
        before = self.names()
        name = min(before)
        self.relabel(name, app='other')
        self.wait_until(lambda: len(self.names()) == 2)
        self.await_available(2)
        self.relabel(name, app='d')
        # There are three then, and one has to go.
        self.wait_until(lambda: len(self.names()) == 2 and all(
            pod.metadata.owner_references for pod in self.pods('app=d')))

    def test_deleted_pod_is_replaced(self):
        self.deploy()
        self.await_available(2)
        name = min(self.names())
        self.core.delete_namespaced_pod(name, base.NAMESPACE)
        self.await_gone(name)
        self.await_available(2)

    def test_scale(self):
        self.deploy(replicas=1)
        self.await_available(1)
        scale = self.apps.read_namespaced_deployment_scale('d',
                                                           base.NAMESPACE)
        scale.spec.replicas = 3
        self.apps.replace_namespaced_deployment_scale('d', base.NAMESPACE,
                                                      scale)
        self.await_available(3)
        self.apps.patch_namespaced_deployment_scale(
            'd', base.NAMESPACE, {'spec': {'replicas': 1}})
        self.await_available(1)

    def test_unready_pods_go_first(self):
        self.deploy(replicas=1)
        self.await_available(1)
        ready, = self.names()
        self.cluster.kubelet.slow_ready(60)
        self.apps.patch_namespaced_deployment_scale(
            'd', base.NAMESPACE, {'spec': {'replicas': 2}})
        self.wait_until(lambda: len(self.names()) == 2)
        self.apps.patch_namespaced_deployment_scale(
            'd', base.NAMESPACE, {'spec': {'replicas': 1}})
        self.wait_until(lambda: self.names() == {ready})

    def test_min_ready_seconds(self):
        self.deploy(replicas=1, spec={'minReadySeconds': 2})
        deployment = self.await_available(1)
        self.assertEqual(1, deployment.status.ready_replicas)


class TestRollouts(base.TestCase):

    def roll(self, image):
        self.apps.patch_namespaced_deployment('d', base.NAMESPACE, {
            'spec': {'template': {'spec': {'containers': [
                {'name': 'c', 'image': image}]}}}})

    def images(self):
        return {pod.spec.containers[0].image for pod in self.pods()
                if pod.metadata.deletion_timestamp is None}

    def test_new_template_replaces_the_pods(self):
        self.deploy()
        self.await_available(2)
        self.roll('example/stubborn:1')
        self.await_available(2)
        self.wait_until(lambda: self.images() == {'example/stubborn:1'})
        sets = self.apps.list_namespaced_replica_set(base.NAMESPACE).items
        self.assertEqual([0, 2], sorted(replica_set.spec.replicas
                                        for replica_set in sets))

    def test_old_pods_stay_until_new_ones_are_ready(self):
        self.deploy(spec={'strategy': {'rollingUpdate': {
            'maxUnavailable': 0, 'maxSurge': 1}}})
        self.await_available(2)
        self.roll('example/none:1')
        self.wait_until(lambda: 'example/none:1' in self.images())
        deployment = self.apps.read_namespaced_deployment('d', base.NAMESPACE)
        self.assertEqual(2, deployment.status.available_replicas)
        # Going back uses the old replica set again.
        self.roll('example/sleep:1')
        self.await_available(2)
        self.wait_until(lambda: self.images() == {'example/sleep:1'})
        self.assertEqual(2, len(self.apps.list_namespaced_replica_set(
            base.NAMESPACE).items))

    def test_progress_deadline(self):
        self.deploy(image='example/none:1',
                    spec={'progressDeadlineSeconds': 1})
        self.wait_until(lambda: base.condition(
            self.apps.read_namespaced_deployment('d', base.NAMESPACE),
            'Progressing') == 'False')

    def test_recreate(self):
        self.deploy(spec={'strategy': {'type': 'Recreate'}})
        self.await_available(2)
        self.roll('example/stubborn:1')
        self.await_available(2)
        self.assertEqual({'example/stubborn:1'}, self.images())

    def test_history(self):
        self.deploy(replicas=1, spec={'revisionHistoryLimit': 1})
        for number in range(3):
            self.await_available(1)
            self.roll(f'example/{("stubborn", "echo", "sleep")[number]}:1')
        self.await_available(1)
        self.wait_until(lambda: len(self.apps.list_namespaced_replica_set(
            base.NAMESPACE).items) == 2)


class TestGarbage(base.TestCase):

    def setUp(self):
        super().setUp()
        self.deploy()
        self.await_available(2)

    def delete(self, policy=None):
        self.apps.delete_namespaced_deployment(
            'd', base.NAMESPACE, propagation_policy=policy)

    def keep(self, name, finalizers):
        self.core.patch_namespaced_pod(name, base.NAMESPACE, {
            'metadata': {'finalizers': finalizers}})

    def sets(self):
        return self.apps.list_namespaced_replica_set(base.NAMESPACE).items

    def test_background(self):
        self.delete()
        self.check_refused(404, self.apps.read_namespaced_deployment, 'd',
                           base.NAMESPACE)
        self.wait_until(lambda: not self.pods() and not self.sets())

    def test_foreground(self):
        # One that stays keeps what it belongs to until it was looked at.
        name = self.pods()[0].metadata.name
        self.keep(name, ['example.com/kept'])
        self.delete('Foreground')
        deployment = self.apps.read_namespaced_deployment('d', base.NAMESPACE)
        self.assertEqual(['foregroundDeletion'],
                         deployment.metadata.finalizers)
        self.keep(name, None)
        self.wait_until(lambda: not self.apps.list_namespaced_deployment(
            base.NAMESPACE).items)
        self.assertEqual([], self.sets() + self.pods())

    def test_orphan(self):
        self.delete('Orphan')
        self.wait_until(lambda: not self.apps.list_namespaced_deployment(
            base.NAMESPACE).items)
        replica_set, = self.sets()
        self.assertIsNone(replica_set.metadata.owner_references)
        self.assertEqual(2, len(self.pods()))

    def test_released_pod_outlives_its_deployment(self):
        name = self.pods()[0].metadata.name
        self.core.patch_namespaced_pod(name, base.NAMESPACE, {
            'metadata': {'labels': {'app': 'other'}}})
        self.await_pod(lambda pod: not pod.metadata.owner_references, name)
        self.delete()
        self.wait_until(lambda: [pod.metadata.name
                                 for pod in self.pods()] == [name])


class TestBudgets(base.TestCase):

    def setUp(self):
        super().setUp()
        self.deploy()
        self.await_available(2)

    def budget(self, **spec):
        self.policy.create_namespaced_pod_disruption_budget(
            base.NAMESPACE, {'metadata': {'name': 'b'}, 'spec': {
                'selector': {'matchLabels': {'app': 'd'}}, **spec}})

    def evict(self, name=None):
        name = name or self.pods()[0].metadata.name
        self.core.create_namespaced_pod_eviction(
            name, base.NAMESPACE, {'metadata': {'name': name}})

    def test_eviction(self):
        name = self.pods()[0].metadata.name
        self.evict(name)
        self.await_gone(name)
        self.await_available(2)

    def test_budget_forbids(self):
        self.budget(minAvailable=2)
        body = self.check_refused(429, self.evict)
        self.assertIn("violate the pod's disruption budget", body['message'])
        self.assertEqual('DisruptionBudget',
                         body['details']['causes'][0]['reason'])

    def test_budget_allows_one(self):
        self.budget(maxUnavailable='50%')
        self.cluster.kubelet.slow_ready(60)
        self.evict()
        self.check_refused(429, self.evict, next(
            pod.metadata.name for pod in self.pods()
            if base.condition(pod, 'Ready') == 'True'
            and pod.metadata.deletion_timestamp is None))

    def test_pods_without_a_controller(self):
        self.create(labels={'app': 'd'}, name='alone')
        self.budget(maxUnavailable=1)

        def status():
            return self.policy.read_namespaced_pod_disruption_budget(
                'b', base.NAMESPACE).status
        self.wait_until(lambda: status().conditions)
        self.assertEqual(('SyncFailed', 0), (
            status().conditions[0].reason, status().disruptions_allowed))
        self.check_refused(429, self.evict,
                           self.pods(HASH)[0].metadata.name)
