# SPDX-License-Identifier: Apache-2.0
"""Tests of containers: start, environment and end."""

import json

from qinling.tests.unit.kubernetes import base

NEVER = {'restartPolicy': 'Never'}
PROBE = {'tcpSocket': {'port': 'web'}, 'periodSeconds': 1}
SERVER = {'image': 'example/server:1',
          'ports': [{'name': 'web', 'containerPort': 9090}]}


def state(pod):
    return pod.status.container_statuses[0].state


class TestEnds(base.TestCase):

    def run_once(self, image, *args, **fields):
        self.create(image=image, args=list(args), spec=NEVER, **fields)
        pod = self.await_pod(lambda candidate: candidate.status.phase in (
            'Succeeded', 'Failed'))
        return pod, state(pod).terminated

    def log(self, **query):
        return self.core.read_namespaced_pod_log('p', base.NAMESPACE,
                                                 **query)

    def test_success(self):
        pod, ended = self.run_once('example/echo:1', 'a', '$(HOSTNAME)',
                                   '$$(HOSTNAME)', '$(NONE)')
        self.assertEqual(('Succeeded', 0, 'Completed'),
                         (pod.status.phase, ended.exit_code, ended.reason))
        self.assertEqual('a p $(HOSTNAME) $(NONE)\n', self.log())
        self.assertEqual('False', base.condition(pod, 'Ready'))
        self.assertLessEqual(ended.started_at, ended.finished_at)
        self.assertEqual(0, ended.finished_at.microsecond)

    def test_failure(self):
        pod, ended = self.run_once(
            'example/fail:1',
            terminationMessagePolicy='FallbackToLogsOnError')
        self.assertEqual(('Failed', 3, 'Error', 'It fails.\n'), (
            pod.status.phase, ended.exit_code, ended.reason, ended.message))

    def test_memory(self):
        pod, ended = self.run_once(
            'example/hog:1', resources={'limits': {'memory': '64Mi'}})
        self.assertEqual((137, 'OOMKilled'),
                         (ended.exit_code, ended.reason))

    def test_missing_command(self):
        pod, ended = self.run_once('example/echo:1', command=['/none'])
        self.assertEqual((128, 'StartError'),
                         (ended.exit_code, ended.reason))

    def test_deadline(self):
        self.create(spec={**NEVER, 'activeDeadlineSeconds': 1})
        pod = self.await_phase('Failed')
        self.assertEqual('DeadlineExceeded', pod.status.reason)
        self.assertTrue(state(pod).terminated)

    def test_log(self):
        self.run_once('example/echo:1', 'one\ntwo\nthree')
        self.assertEqual('three\n', self.log(tail_lines=1))
        self.assertEqual('one\nt', self.log(limit_bytes=5))
        self.assertRegex(self.log(timestamps=True),
                         r'^\d{4}-\d\d-\d\dT[\d:.]+Z one\n')
        self.check_refused(400, self.log, container='none')
        self.check_refused(400, self.log, previous=True)

    def test_log_with_binary_data(self):
        self.run_once('example/binary-log:1')
        answer = self.log(_preload_content=False)
        answer = getattr(answer, 'response', answer)
        self.assertEqual(b'\xff\xfe\x00 no text\n', answer.data)

    def test_log_before_the_start(self):
        self.create(image='example/none:1')
        self.await_pod(
            lambda pod: pod.status.container_statuses
            and state(pod).waiting.reason == 'ImagePullBackOff')
        body = self.check_refused(400, self.log)
        self.assertIn('container "c" in pod "p" is waiting to start: trying '
                      'and failing to pull image', body['message'])

    def test_restart_on_failure(self):
        self.create(image='example/fail:1',
                    spec={'restartPolicy': 'OnFailure'})
        pod = self.await_pod(
            lambda candidate: candidate.status.container_statuses
            and state(candidate).waiting and state(candidate).waiting.reason
            == 'CrashLoopBackOff')
        status, = pod.status.container_statuses
        self.assertLessEqual(2, status.restart_count)
        self.assertEqual(3, status.last_state.terminated.exit_code)
        self.assertEqual('Running', pod.status.phase)
        self.assertEqual('It fails.\n', self.log(previous=True))

    def test_no_restart_after_success(self):
        self.create(image='example/echo:1',
                    spec={'restartPolicy': 'OnFailure'})
        self.await_phase('Succeeded')

    def test_restart_always(self):
        self.create(image='example/echo:1')
        self.await_pod(lambda pod: pod.status.container_statuses
                       and pod.status.container_statuses[
                           0].restart_count > 1)


class TestStarts(base.TestCase):

    def await_waiting(self, reason):
        pod = self.await_pod(
            lambda candidate: candidate.status.container_statuses
            and state(candidate).waiting
            and state(candidate).waiting.reason == reason)
        self.assertEqual('Pending', pod.status.phase)
        return state(pod).waiting.message

    def environment(self, *variables, **fields):
        self.create(image='example/env:1', env=list(variables), spec=NEVER,
                    **fields)
        self.await_phase('Succeeded')
        return json.loads(self.core.read_namespaced_pod_log(
            'p', base.NAMESPACE, _preload_content=False).data)

    def test_unknown_image(self):
        self.create(image='example/none:1')
        self.assertIn('example/none:1',
                      self.await_waiting('ImagePullBackOff'))

    def test_malformed_image_name(self):
        self.create(image='Example:1')
        self.await_waiting('InvalidImageName')

    def test_root(self):
        self.create(securityContext={
            'allowPrivilegeEscalation': False,
            'capabilities': {'drop': ['ALL']}, 'runAsNonRoot': True,
            'seccompProfile': {'type': 'RuntimeDefault'}})
        self.assertIn('image will run as root', self.await_waiting(
            'CreateContainerConfigError'))

    def test_container_waits_for_a_secret(self):
        self.create(image='example/env:1', spec=NEVER, env=[{
            'name': 'A', 'valueFrom': {'secretKeyRef': {
                'name': 's', 'key': 'k'}}}])
        self.assertEqual('secret "s" not found', self.await_waiting(
            'CreateContainerConfigError'))
        self.core.create_namespaced_secret(base.NAMESPACE, {
            'metadata': {'name': 's'}, 'stringData': {'k': 'v'}})
        self.await_phase('Succeeded')

    def test_environment(self):
        self.core.create_namespaced_config_map(base.NAMESPACE, {
            'metadata': {'name': 'm'}, 'data': {'k': 'from a map'}})

        def field(name, path):
            return {'name': name, 'valueFrom': {
                'fieldRef': {'fieldPath': path}}}
        variables = self.environment(
            {'name': 'A', 'value': '1'},
            {'name': 'B', 'value': '[$(A)] $(LATER) $$(A)'},
            {'name': 'LATER', 'value': '2'},
            field('NAME', 'metadata.name'), field('IP', 'status.podIP'),
            {'name': 'LISTEN', 'value': 'tcp:[$(IP)]:9090'},
            field('LABEL', "metadata.labels['x']"),
            field('NODE', 'spec.nodeName'),
            {'name': 'MAP', 'valueFrom': {'configMapKeyRef': {
                'name': 'm', 'key': 'k'}}},
            {'name': 'GONE', 'valueFrom': {'secretKeyRef': {
                'name': 'none', 'key': 'k', 'optional': True}}},
            {'name': 'CPU', 'valueFrom': {'resourceFieldRef': {
                'resource': 'limits.cpu', 'divisor': '1m'}}},
            labels={'x': 'y'}, resources={'limits': {'cpu': '1500m'}})
        pod = self.read()
        self.assertEqual(
            ['1', '[1] $(LATER) $(A)', 'p', pod.status.pod_ip,
             f'tcp:[{pod.status.pod_ip}]:9090', 'y', pod.spec.node_name,
             'from a map', '1500', 'p'],
            [variables[name] for name in (
                'A', 'B', 'NAME', 'IP', 'LISTEN', 'LABEL', 'NODE', 'MAP',
                'CPU', 'HOSTNAME')])
        self.assertNotIn('GONE', variables)
        # Variables of the tests' environment stay out.
        self.assertLessEqual(
            {name for name in variables if not name.startswith('KUBERNETES_')},
            {'A', 'B', 'NAME', 'IP', 'LISTEN', 'LABEL', 'NODE', 'MAP', 'CPU',
             'HOSTNAME', 'PATH', 'LATER', 'LC_CTYPE'})

    def test_init_containers(self):
        self.create(spec={'initContainers': [
            dict(base.container('example/echo:1'), name='i')]})
        pod = self.await_ready()
        self.assertEqual(0, pod.status.init_container_statuses[
            0].state.terminated.exit_code)

    def test_pod_is_pending_when_nodes_are_full(self):
        self.create(resources={'requests': {'cpu': '64'}})
        pod = self.await_pod(lambda candidate: candidate.status.conditions)
        self.assertEqual('False', base.condition(pod, 'PodScheduled'))
        self.assertEqual(
            ('Unschedulable', '0/2 nodes are available: 2 Insufficient cpu.'),
            (pod.status.conditions[0].reason,
             pod.status.conditions[0].message))

    def test_no_such_node(self):
        self.create(spec={'nodeSelector': {'disk': 'fast'}})
        self.await_pod(lambda candidate: base.condition(candidate,
                                                        'PodScheduled')
                       == 'False')
        self.cluster.kubelet.add_node('node-3', {'disk': 'fast'})
        self.assertEqual('node-3', self.await_ready().spec.node_name)

    def test_events(self):
        self.create()
        self.await_ready()
        events = {event.reason: event for event in
                  self.core.list_namespaced_event(
                      base.NAMESPACE,
                      field_selector='involvedObject.name=p').items}
        self.assertLessEqual({'Scheduled', 'Started'}, set(events))
        self.assertIsNone(events['Scheduled'].last_timestamp)


class TestRunning(base.TestCase):

    def serve(self, **fields):
        self.create(**{**SERVER, **fields})

    def test_ready_by_a_probe(self):
        self.serve(readinessProbe=PROBE)
        pod = self.await_ready()
        self.assertTrue(pod.status.pod_ip.startswith('127.'))
        self.assertEqual({'Ready', 'ContainersReady', 'PodScheduled',
                          'Initialized', 'PodReadyToStartContainers'},
                         {condition.type for condition in pod.status.conditions
                          if condition.status == 'True'})

    def test_http_and_exec_probes(self):
        self.serve(
            startupProbe={'exec': {'command': ['/bin/true']}},
            readinessProbe={'httpGet': {'port': 9090, 'path': '/'}})
        self.await_ready()

    def test_probe_that_fails(self):
        self.serve(readinessProbe={'httpGet': {'port': 'web',
                                               'path': '/bad'},
                                   'periodSeconds': 1})
        self.wait_until(lambda: any(
            event.reason == 'Unhealthy' and 'statuscode: 418' in event.message
            for event in self.core.list_namespaced_event(
                base.NAMESPACE).items))
        self.assertEqual('False', base.condition(self.read(), 'Ready'))

    def test_liveness(self):
        self.serve(livenessProbe={'exec': {'command': ['/bin/false']},
                                  'periodSeconds': 1, 'failureThreshold': 1})
        self.await_pod(lambda pod: pod.status.container_statuses
                       and pod.status.container_statuses[0].restart_count)

    def test_pods_listen_on_the_same_port(self):
        for name in ('a', 'b'):
            self.create(name, readinessProbe=PROBE, **SERVER)
        self.assertNotEqual(*(self.await_ready(name).status.pod_ip
                              for name in ('a', 'b')))

    def test_proxy(self):
        self.serve(readinessProbe=PROBE)
        self.await_ready()
        answer = self.api.rest_client.pool_manager.request(
            'POST', f'{self.cluster.url}/api/v1/namespaces/{base.NAMESPACE}/'
            'pods/p:web/proxy/a/b?c=d', body=b'the body',
            headers={'X-Own': '1', 'Authorization': 'Bearer '
                     + next(iter(self.cluster.access.tokens))})
        text = answer.data.decode()
        self.assertIn('POST /a/b?c=d', text)
        self.assertIn("('X-Own', '1')", text)
        self.assertNotIn('Bearer', text)
        self.assertTrue(text.endswith('the body'))
        call = self.cluster.calls[-1]
        self.assertEqual(('create', 'pods/proxy'), (call.verb, call.path))

    def test_proxy_to_a_closed_port(self):
        self.create()
        self.await_ready()
        answer = self.api.rest_client.pool_manager.request(
            'GET', f'{self.cluster.url}/api/v1/namespaces/{base.NAMESPACE}/'
            'pods/p:1234/proxy/')
        self.assertEqual(503, answer.status)
        self.assertIn('Connection refused', answer.json()['message'])

    def test_delete(self):
        self.create()
        self.await_ready()
        answer = self.core.delete_namespaced_pod('p', base.NAMESPACE)
        self.assertEqual('p', answer.metadata.name)
        self.assertTrue(answer.metadata.deletion_timestamp)
        self.assertEqual(2, answer.metadata.deletion_grace_period_seconds)
        self.await_gone()

    def test_delete_kills_after_the_grace_period(self):
        self.create(image='example/stubborn:1')
        self.await_ready()
        self.wait_until(lambda: 'It stays' in (
            self.core.read_namespaced_pod_log('p', base.NAMESPACE)))
        self.core.delete_namespaced_pod('p', base.NAMESPACE,
                                        grace_period_seconds=60)
        pod = self.read()
        self.assertTrue(pod.metadata.deletion_timestamp)
        self.core.delete_namespaced_pod('p', base.NAMESPACE,
                                        grace_period_seconds=1)
        self.await_gone()

    def test_delete_by_force(self):
        self.create(image='example/stubborn:1')
        self.await_ready()
        self.core.delete_namespaced_pod('p', base.NAMESPACE,
                                        grace_period_seconds=0)
        self.check_refused(404, self.read)
        # The name can be used again at once.
        self.create()
        self.await_ready()

    def test_delete_by_force_keeps_the_grace_period(self):
        # The kubelet applies the period of the pod when the pod vanishes.
        self.create(image='example/stubborn:1',
                    spec={'terminationGracePeriodSeconds': 3600})
        self.await_ready()
        self.wait_until(lambda: 'It stays' in (
            self.core.read_namespaced_pod_log('p', base.NAMESPACE)))
        worker = self.cluster.kubelet._worker(base.NAMESPACE, 'p')
        self.core.delete_namespaced_pod('p', base.NAMESPACE,
                                        grace_period_seconds=0)
        self.check_refused(404, self.read)
        self.wait_until(lambda: worker._ending)
        self.assertIsNone(worker.containers[0].ended)

    def test_delete_of_an_ended_pod(self):
        self.create(image='example/echo:1', spec=NEVER)
        self.await_phase('Succeeded')
        self.core.delete_namespaced_pod('p', base.NAMESPACE)
        self.check_refused(404, self.read)
