# SPDX-License-Identifier: Apache-2.0
"""Tests of the mirror of the cluster: what it keeps, and what looks cost."""

import random
import threading
from unittest import mock

from oslotest import base

from qinling.orchestrators import base as orchestrators
from qinling.orchestrators.kubernetes import claims
from qinling.orchestrators.kubernetes import engines
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import manifests
from qinling.orchestrators.kubernetes import pods
from qinling.orchestrators.kubernetes import pools
from qinling.orchestrators.kubernetes import trimming
from qinling.orchestrators.kubernetes import view

READY = {'type': 'Ready', 'status': 'True', 'lastTransitionTime': 't'}
TERMINATED = {'reason': 'Error', 'exitCode': 3, 'message': 'm',
              'startedAt': 's', 'finishedAt': 'f', 'containerID': 'c'}
RESOURCES = {'requests': {'cpu': '10m'}, 'limits': {'cpu': '100m'}}
STATUSES = (
    {}, {'phase': 'Pending'}, {'conditions': None, 'containerStatuses': None},
    {'phase': 'Failed', 'reason': 'Evicted', 'message': 'no memory',
     'podIP': '10.0.0.1', 'podIPs': [{'ip': '10.0.0.1'}]},
    {'phase': 'Running', 'podIP': '10.0.0.1', 'conditions': [
        READY, {'type': 'Initialized', 'status': 'True'},
        {'type': 'PodResizePending', 'status': 'True', 'reason': 'Deferred',
         'message': 'm'}],
     'containerStatuses': [
         {'name': 'istio-proxy', 'state': {'terminated': TERMINATED}},
         {'name': 'worker', 'restartCount': 0, 'state': {
             'running': {'startedAt': 't'}}, 'resources': RESOURCES}]},
    {'phase': 'Running', 'podIP': 'fd00::1', 'conditions': [
        dict(READY, status='False'),
        {'type': 'DisruptionTarget', 'status': 'True',
         'reason': 'DeletionByTaintManager', 'message': 'taint'}],
     'containerStatuses': [{'restartCount': 3, 'state': {
         'waiting': {'reason': 'CrashLoopBackOff', 'message': 'back-off'}},
         'lastState': {'terminated': TERMINATED}}]},
    {'phase': 'Pending', 'conditions': [
        {'type': 'PodScheduled', 'status': 'False',
         'reason': 'Unschedulable', 'message': '0/1 nodes'}]},
    {'phase': 'Running', 'containerStatuses': [{
        'restartCount': 1, 'state': {'terminated': dict(
            TERMINATED, reason='OOMKilled')}}]})


def create_pod(name, state=labels.IDLE, status=None, runtime='r', **values):
    """Return a pod as sent by the API server."""
    metadata = {
        'name': name, 'resourceVersion': '7', 'uid': 'u',
        'managedFields': [{'manager': 'kubelet', 'fieldsV1': {}}],
        'labels': {labels.STATE: state, labels.RUNTIME: runtime,
                   **{getattr(labels, key): value
                      for key, value in values.items()}}}
    return {
        'kind': 'Pod', 'metadata': metadata,
        'spec': {'containers': [{'name': 'worker'}]},
        'status': STATUSES[4] if status is None else status}


class Listener:
    """Listener without actions."""

    def handle_change(self, old, new):
        pass


def create_view():
    """Return a view without a cluster."""
    return view.View(mock.Mock(), threading.Condition(), Listener())


class TestTrimming(base.BaseTestCase):
    def test_readers_see_no_difference(self):
        for status in STATUSES:
            for metadata in ({}, {'deletionTimestamp': 't'}):
                pod = create_pod('p', status=status)
                pod['metadata'].update(metadata)
                trimmed = trimming.trim(pod)
                for read in (
                        pods.get_name, pods.get_state, pods.is_leaving,
                        pods.has_ended, pods.is_ready, pods.count_restarts,
                        pods.find_exit_reason, pods.find_disruption,
                        pods.has_no_node, pods.find_pending_resize,
                        pods.create_resize_back, pods.find_problem):
                    self.assertEqual(read(pod), read(trimmed),
                                     (read.__name__, pod))

    def test_only_what_readers_need_is_kept(self):
        trimmed = trimming.trim(create_pod('p'))
        self.assertEqual({'metadata', 'status'}, set(trimmed))
        self.assertEqual({'name', 'resourceVersion', 'labels'},
                         set(trimmed['metadata']))
        self.assertEqual(['Ready', 'PodResizePending'], [
            condition['type'] for condition
            in trimmed['status']['conditions']])

    def test_pods_share_what_they_have_in_common(self):
        first, second = (trimming.trim(create_pod(name))
                         for name in ('p', 'q'))
        for pick in (lambda pod: pod['status']['conditions'][0],
                     lambda pod: pods.get_container(pod)['resources'],
                     lambda pod: pods.get_container(pod)['state']):
            self.assertIs(pick(first), pick(second))

    def test_running_programs_are_seen(self):
        self.assertTrue(pods.get_container(trimming.trim(create_pod('p')))[
            'state']['running'])

    def test_a_pod_without_labels(self):
        pod = create_pod('p')
        pod['metadata']['labels'] = None
        self.assertEqual('', pods.get_state(trimming.trim(pod)))


class TestOrder(base.BaseTestCase):
    """A watch may be behind the answers of calls."""

    def setUp(self):
        super().setUp()
        self.changes = []
        listener = mock.Mock(handle_change=lambda old, new: (
            self.changes.append(pods.get_state(new))))
        self.view = view.View(mock.Mock(), threading.Condition(), listener)

    def apply(self, version, state):
        pod = create_pod('p', state)
        pod['metadata']['resourceVersion'] = version
        self.view._pods._apply_event({'type': 'MODIFIED', 'object': pod})

    def test_an_earlier_state_changes_nothing(self):
        claimed = create_pod('p', labels.CLAIMED)
        claimed['metadata']['resourceVersion'] = '10'
        self.view.record_pod(claimed)
        self.apply('9', labels.IDLE)
        self.assertEqual(labels.CLAIMED, pods.get_state(self.view.pods['p']))
        self.assertEqual([labels.CLAIMED], self.changes)

    def test_the_watch_continues_after_an_earlier_state(self):
        self.test_an_earlier_state_changes_nothing()
        self.assertEqual('9', self.view._pods._version)
        self.apply('11', labels.IDLE)
        self.assertEqual(labels.IDLE, pods.get_state(self.view.pods['p']))


class TestIndex(base.BaseTestCase):
    def test_groupings_follow_all_changes(self):
        chooser = random.Random(1)
        subject = create_view()
        for _ in range(2000):
            name = f'p{chooser.randrange(30)}'
            if chooser.random() < 0.3:
                with subject.changed:
                    subject._pods._replace(name, None)
            else:
                subject.record_pod(create_pod(
                    name, chooser.choice((labels.IDLE, labels.CLAIMED)),
                    runtime=chooser.choice('rs'),
                    FUNCTION=chooser.choice('fg'), VERSION='0',
                    BUILD=chooser.choice('bc'), SPEC=chooser.choice('12'),
                    ENGINE=chooser.choice('xy')))
            self.check(subject)

    def check(self, subject):
        groupings = subject.index
        for grouping in (groupings.states, groupings.pools, groupings.codes,
                         groupings.engines, groupings.specs):
            expected = {}
            for name, pod in subject.pods.items():
                key = grouping.get_key(pod)
                if key is not None:
                    expected.setdefault(key, {})[name] = pod
            self.assertEqual(expected, dict(grouping.items()))

    def test_absent_keys(self):
        subject = create_view()
        self.assertEqual({}, subject.index.states.get('s'))
        self.assertEqual([], subject.list_pods(None, labels.IDLE))


class TestCosts(base.BaseTestCase):
    """Tests that no look of an engine depends on the pods of others."""

    def setUp(self):
        super().setUp()
        self.view = create_view()
        self.engines = mock.Mock(is_dead=lambda name: False)
        self.engines.name = 'me'
        for number in range(3):
            self.view.record_pod(create_pod(f'idle-{number}'))

    def add_others(self, count):
        for number in range(count):
            self.view.record_pod(create_pod(
                f'other-{number}', labels.CLAIMED, ENGINE='other', SPEC='1',
                FUNCTION=f'f{number}', VERSION='0', BUILD='b'))

    def count_looks(self, action):
        """Return how often labels and readiness of pods are read."""
        with mock.patch.object(
                pods, 'get_label', side_effect=pods.get_label) as reads, \
                mock.patch.object(
                    pods, 'get_conditions',
                    side_effect=pods.get_conditions) as states:
            action()
        return reads.call_count + states.call_count

    def check(self, action):
        few = self.count_looks(action)
        self.add_others(500)
        self.assertEqual(few, self.count_looks(action))

    def create_claims(self):
        cluster = mock.Mock(view=self.view, engines=self.engines)
        cluster.pools = pools.Pools(mock.Mock(), self.view, mock.Mock(), 1, 3)
        return claims.Claims(mock.Mock(max_workers=1000), cluster)

    def test_claim(self):
        subject = self.create_claims()
        new_labels = {labels.FUNCTION: 'f', labels.VERSION: '0',
                      labels.BUILD: 'b'}

        def claim():
            with self.view.changed:
                self.assertIsNone(subject._adopt_orphan('r', new_labels))
                pod = subject._reserve('r', None, new_labels)
                subject._reserved.discard(pods.get_name(pod))
        self.check(claim)

    def test_claims_of_several_engines_choose_different_pods(self):
        subject = self.create_claims()
        with self.view.changed:
            names = {pods.get_name(subject._find_idle('r', {}))
                     for _ in range(100)}
        self.assertEqual({'idle-0', 'idle-1', 'idle-2'}, names)

    def test_sweep(self):
        sweep = engines.Sweep(mock.Mock(), self.view, self.engines, (), 1)
        self.check(lambda: self.assertEqual([], sweep.run()))

    def test_outdated_workers(self):
        subject = self.create_claims()
        self.view.deployments[manifests.pool_name('r')] = {
            'metadata': {'generation': 1, 'labels': {labels.SPEC: '2'}},
            'status': {'observedGeneration': 1}}
        self.add_others(1)
        self.check(lambda: self.assertEqual([], subject.list_outdated()))
        subject._workers['other-0'] = orchestrators.Worker(
            'other-0', 'r', 'tcp:h:1', 'secret')
        self.assertEqual([subject._workers['other-0']],
                         subject.list_outdated())

    def test_capacity(self):
        self.view.deployments[manifests.pool_name('r')] = {
            'metadata': {'labels': {labels.RUNTIME: 'r'}},
            'spec': {'replicas': 3}}
        subject = pools.Pools(mock.Mock(), self.view, mock.Mock(), 1, 3)
        self.check(subject.list_capacities)
        self.assertEqual({'r': orchestrators.Capacity(503, 3)},
                         subject.list_capacities())
