# SPDX-License-Identifier: Apache-2.0
"""Tests of the state of pods."""

from oslotest import base

from qinling.orchestrators import base as orchestrators
from qinling.orchestrators.kubernetes import pods


def pod(status=None, **metadata):
    return {'metadata': {'name': 'p', **metadata}, 'status': status or {}}


def with_container(restarts=0, phase='Running', **states):
    return pod({'phase': phase, 'containerStatuses': [
        {'restartCount': restarts, **states}]})


def condition(type, status, **fields):
    return {'type': type, 'status': status, **fields}


SIDECAR = {'name': 'istio-proxy', 'restartCount': 7, 'state': {
    'terminated': {'reason': 'Error', 'exitCode': 1}}}
OOM = {'terminated': {'reason': 'OOMKilled', 'exitCode': 137}}
READY = {'phase': 'Running', 'podIP': '10.1.2.3',
         'conditions': [condition('Ready', 'True')]}


class TestReady(base.BaseTestCase):
    def test_ready(self):
        self.assertTrue(pods.is_ready(pod(READY)))

    def test_not_ready(self):
        for status in ({}, {'conditions': None},
                       dict(READY, podIP=None), dict(READY, podIP=''),
                       dict(READY, conditions=[condition('Ready', 'False')]),
                       dict(READY, phase='Failed'),
                       dict(READY, conditions=READY['conditions'] + [
                           condition('DisruptionTarget', 'True')])):
            self.assertFalse(pods.is_ready(pod(status)), status)
        self.assertFalse(pods.is_ready(pod(READY, deletionTimestamp='t')))

    def test_address(self):
        self.assertEqual('tcp:10.1.2.3:9090', pods.get_address(pod(READY)))
        self.assertEqual('tcp:[fd00::1]:9090', pods.get_address(
            pod({'podIP': 'fd00::1'})))

    def test_label(self):
        self.assertEqual('', pods.get_label(pod(), 'a'))
        self.assertEqual('', pods.get_label(pod(labels=None), 'a'))
        self.assertEqual('b', pods.get_label(pod(labels={'a': 'b'}), 'a'))


class TestDeath(base.BaseTestCase):
    def test_unknown_reason(self):
        self.assertIsNone(pods.find_exit_reason(pod(READY)))
        self.assertIsNone(pods.find_exit_reason(with_container(
            state={'running': {}})))

    def test_out_of_memory(self):
        for pod in (with_container(state=OOM), with_container(1,
                                                              state={'running':
                                                                     {}},
                                                              lastState=OOM),
                    with_container(1, state={'waiting': {'reason':
                                                         'CrashLoopBackOff'}},
                                   lastState=OOM)):
            death = pods.find_exit_reason(pod)
            self.assertTrue(death.own_fault)
            self.assertIn('memory', death.sentence)

    def test_failures_before_the_claim_do_not_count(self):
        pod = with_container(1, state={'running': {}}, lastState=OOM)
        self.assertIsNone(pods.find_exit_reason(pod, 1))
        self.assertTrue(pods.find_exit_reason(pod, 0).own_fault)

    def test_evicted(self):
        by_status = pod({'phase': 'Failed', 'reason': 'Evicted',
                         'message': 'The node was low on memory.'})
        by_condition = pod({'conditions': [condition(
            'DisruptionTarget', 'True', reason='DeletionByTaintManager',
            message='Taint manager: deleting due to NoExecute taint')]})
        self.assertEqual(orchestrators.ExitReason(
            'The worker was taken away by the cluster: Evicted. The node was '
            'low on memory.'), pods.find_exit_reason(by_status))
        self.assertIn('DeletionByTaintManager',
                      pods.find_exit_reason(by_condition).sentence)

    def test_exit(self):
        death = pods.find_exit_reason(with_container(state={'terminated': {
            'reason': 'Error', 'exitCode': 1, 'message': 'sad words\n'}}))
        self.assertEqual(orchestrators.ExitReason(
            'The worker died: Error, exit code 1. sad words'), death)

    def test_deleted(self):
        death = pods.find_exit_reason(pod(READY, deletionTimestamp='t'))
        self.assertFalse(death.own_fault)
        self.assertIn('deleted', death.sentence)


class TestComplaint(base.BaseTestCase):
    def check(self, pod, in_vain, part):
        complaint = pods.find_problem(pod)
        self.assertEqual(in_vain, complaint[0], complaint)
        self.assertIn(part, complaint[1])

    def waiting(self, reason, message=''):
        return with_container(phase='Pending', state={'waiting': {
            'reason': reason, 'message': message}})

    def test_no_problem(self):
        self.assertIsNone(pods.find_problem(pod()))
        self.assertIsNone(pods.find_problem(pod(READY)))
        self.assertIsNone(pods.find_problem(self.waiting('ContainerCreating')))
        self.assertIsNone(pods.find_problem(with_container(
            1, state={'running': {}}, lastState=OOM)))

    def test_pull(self):
        self.check(self.waiting('ErrImagePull', 'not found'), False,
                   'ErrImagePull: not found')
        self.check(self.waiting('ImagePullBackOff', 'Back-off'), True,
                   'ImagePullBackOff: Back-off')
        self.check(self.waiting('InvalidImageName'), True,
                   'InvalidImageName')

    def test_configuration(self):
        self.check(self.waiting('CreateContainerConfigError',
                                'secret "x" not found'), True, 'secret "x"')

    def test_crash_loop(self):
        pod = with_container(
            2, state={'waiting': {'reason': 'CrashLoopBackOff'}},
            lastState={'terminated': {'exitCode': 3, 'reason': 'Error',
                                      'message': 'no bootstrap'}})
        self.check(pod, True, 'exit code 3. no bootstrap')

    def test_unschedulable(self):
        self.check(pod({'phase': 'Pending', 'conditions': [condition(
            'PodScheduled', 'False', reason='Unschedulable',
            message='0/3 nodes are available')]}), False,
            'Unschedulable: 0/3 nodes')

    def test_rejected_by_a_node(self):
        self.check(pod({'phase': 'Failed', 'reason': 'OutOfcpu',
                        'message': 'Node has no CPU'}), True,
                   'OutOfcpu: Node has no CPU')


class TestSidecars(base.BaseTestCase):
    """Tests of a container added by an admission webhook."""

    def test_only_our_container_counts(self):
        for name in ('worker', 'function'):
            subject = pod(dict(READY, containerStatuses=[
                SIDECAR, {'name': name, 'restartCount': 0,
                          'state': {'running': {}}}]))
            self.assertEqual(0, pods.count_restarts(subject))
            self.assertIsNone(pods.find_exit_reason(subject))
            self.assertIsNone(pods.find_problem(subject))

    def test_our_container_is_not_there_yet(self):
        subject = pod(dict(READY, containerStatuses=[SIDECAR]))
        self.assertEqual({}, pods.get_container(subject))
