# SPDX-License-Identifier: Apache-2.0
"""Tests of the sizes of pools."""

import threading
from unittest import mock

from oslotest import base

from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import demand
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import manifests
from qinling.orchestrators.kubernetes import view

NAME = manifests.pool_name('r')
PENDING = {'phase': 'Pending'}
UNSCHEDULABLE = {'conditions': [{
    'type': 'PodScheduled', 'status': 'False', 'reason': 'Unschedulable'}]}


def create_pod(name, state=labels.IDLE, status=None, engine='me'):
    return {'metadata': {'name': name, 'resourceVersion': '1', 'labels': {
        labels.STATE: state, labels.RUNTIME: 'r', labels.ENGINE: engine}},
        'status': status or {}}


def create_pool(size):
    return {'metadata': {'name': NAME, 'resourceVersion': '7', 'labels': {
        labels.RUNTIME: 'r'}}, 'spec': {'replicas': size, 'template': {}}}


class TestDemand(base.BaseTestCase):
    """Tests of a pool of 2 to 5 workers."""

    def setUp(self):
        super().setUp()
        self.sizes = []
        self.errors = []
        self.present = 2
        self.during_write = []
        self.view = view.View(mock.Mock(), threading.Condition(), self)
        self.create()
        self.record(2)
        self.patch_time()

    def create(self, maximum=5):
        self.submitted = []
        self.demand = demand.Demand(
            self, self.view, self,
            mock.Mock(replicas=2, max_replicas=maximum), 'me')

    def patch_time(self):
        self.now = 100.0
        clock = mock.patch('time.monotonic', lambda: self.now)
        clock.start()
        self.addCleanup(clock.stop)

    # In place of the API, the background and the driver

    apps = mock.Mock()
    namespace = 'n'

    def call(self, function, name, namespace, pool=None):
        self.assertEqual((NAME, 'n'), (name, namespace))
        if pool is None:
            return create_pool(self.present)
        if self.errors:
            raise self.errors.pop()
        self.sizes.append(pool['spec']['replicas'])
        if self.during_write:
            self.during_write.pop()()
        return pool

    def submit(self, action, *args):
        self.submitted.append((action, args))

    def handle_change(self, old, new):
        self.demand.handle_change(old, new)

    def record(self, size):
        self.view.record_deployment(create_pool(size))

    def work(self):
        submitted, self.submitted = self.submitted, []
        for action, args in submitted:
            action(*args)

    def claim(self, count=1, engine='me'):
        for _ in range(count):
            self.view.record_pod(create_pod('p'))
            self.view.record_pod(create_pod(
                'p', labels.CLAIMED, engine=engine))

    def test_each_claim_adds_a_worker(self):
        self.claim()
        self.work()
        self.claim()
        self.work()
        self.assertEqual([3, 4], self.sizes)

    def test_a_burst_is_one_change(self):
        self.claim(3)
        self.assertEqual(1, len(self.submitted))
        self.work()
        self.assertEqual([5], self.sizes)

    def test_claims_during_a_change(self):
        self.during_write = [self.claim]
        self.claim()
        self.work()
        self.assertEqual([3, 4], self.sizes)
        self.assertEqual([], self.submitted)

    def test_maximum(self):
        self.claim(50)
        self.work()
        self.claim(50)
        self.work()
        self.assertEqual([5], self.sizes)

    def test_slow_claims_need_few_workers(self):
        for _ in range(5):
            self.claim()
            self.work()
            self.now += demand.REFILL_SECONDS + 1
        self.assertEqual([3], self.sizes)

    def test_claims_of_other_engines(self):
        self.claim(2, engine='other')
        # The other engine grows the pool.
        self.assertEqual([], self.submitted)
        self.claim()
        self.work()
        self.assertEqual([5], self.sizes)

    def test_off(self):
        self.create(maximum=0)
        self.claim(3)
        self.assertEqual([], self.submitted)

    def test_new_pods_of_claims_count(self):
        self.view.record_pod(create_pod('p', labels.CLAIMED, PENDING))
        self.work()
        self.assertEqual([3], self.sizes)

    def test_earlier_claims_do_not_count(self):
        self.view.record_pod(create_pod(
            'p', labels.CLAIMED, {'phase': 'Running'}))
        self.view.record_pod(create_pod(
            'p', labels.CLAIMED, {'phase': 'Running', 'podIP': '10.0.0.1'}))
        self.assertEqual([], self.submitted)

    def test_a_full_cluster_has_no_room_for_growth(self):
        self.view.record_pod(create_pod('waiting', status=UNSCHEDULABLE))
        self.claim()
        self.assertEqual([], self.submitted)

    def test_a_full_quota_has_no_room_for_growth(self):
        pool = create_pool(2)
        pool['status'] = {'conditions': [
            {'type': 'ReplicaFailure', 'status': 'True'}]}
        self.view.record_deployment(pool)
        self.claim()
        self.assertEqual([], self.submitted)

    def test_another_engine_is_first(self):
        self.errors = [apis.Rejected(409, 'Conflict', 'changed')]
        self.present = 3
        self.claim()
        self.work()
        self.assertEqual([], self.sizes)
        self.claim()
        self.work()
        self.assertEqual([4], self.sizes)

    def test_a_changed_status_is_no_obstacle(self):
        self.errors = [apis.Rejected(409, 'Conflict', 'changed')] * 2
        self.claim()
        self.work()
        self.assertEqual([3], self.sizes)

    def test_errors_end_with_the_next_claim(self):
        self.errors = [apis.Rejected(403, 'Forbidden', 'no')]
        self.claim()
        self.work()
        self.claim()
        self.work()
        self.assertEqual([4], self.sizes)

    def shrink_in_a_second(self):
        """Shrink the pool, which is not due before."""
        self.demand.shrink()
        self.assertEqual([], self.submitted)
        self.now += 1
        self.demand.shrink()
        self.work()

    def test_pools_shrink_after_a_quiet_time(self):
        self.claim(2)
        self.work()
        self.now += demand.QUIET_SECONDS - 1
        self.shrink_in_a_second()
        self.assertEqual([4, 2], self.sizes)
        self.demand.shrink()
        self.assertEqual([], self.submitted)

    def test_a_new_engine_does_not_shrink_pools(self):
        self.record(5)
        self.demand.shrink()
        self.now += demand.QUIET_SECONDS - 1
        self.shrink_in_a_second()
        self.assertEqual([2], self.sizes)

    def test_a_deleted_pool(self):
        self.claim()
        with self.view.changed:
            del self.view.deployments[NAME]
        self.work()
        self.assertEqual([], self.sizes)
