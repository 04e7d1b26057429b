# SPDX-License-Identifier: Apache-2.0
"""Thread for the life of one pod on a node."""

import os
import queue
import shutil
import signal
import threading
import time

from qinling.tests.kubernetes import conditions
from qinling.tests.kubernetes import containers
from qinling.tests.kubernetes import errors
from qinling.tests.kubernetes import events
from qinling.tests.kubernetes import grace_periods
from qinling.tests.kubernetes import images
from qinling.tests.kubernetes import names
from qinling.tests.kubernetes import quantities
from qinling.tests.kubernetes import resources

RESIZE_PAUSE = 0.1  # seconds until a resize is in force


class PodWorker(threading.Thread):
    """Supervisor of the containers of a pod and writer of the pod's status."""

    def __init__(self, kubelet, pod):
        super().__init__(name=f'pod-{pod["metadata"]["name"]}', daemon=True)
        self.kubelet = kubelet
        self.pod = pod
        self.uid = pod['metadata']['uid']
        self.namespace = pod['metadata']['namespace']
        self.name = pod['metadata']['name']
        self.node = pod['spec']['nodeName']
        self.directory = os.path.join(kubelet.directory, self.uid)
        self.address = None
        self.containers = []
        self.initial = []
        self._inbox = queue.SimpleQueue()
        self._ending = False    # the pod ends: no container starts again
        self._failure = None    # (reason, message) of the pod
        self._resize_due = None
        self._evicted = False
        self._started_at = time.monotonic()

    # Calls from other threads

    def wake(self):
        """Check the pod again after a change."""
        self._inbox.put(None)

    def handle_message(self, message):
        """Queue a message of the runtime about a container."""
        self._inbox.put(message)

    def emit_event(self, reason, message, warning=False):
        """Emit an event."""
        events.emit(self.kubelet.registry, self.pod, reason, message, warning,
                    'kubelet')

    def log_path(self, name, restarts):
        return os.path.join(self.directory, f'{name}.{restarts}.log')

    def restarts(self, container, code):
        """Return whether an ended container starts again."""
        policy = self.pod['spec']['restartPolicy']
        if container in self.initial and policy == 'Always':
            policy = 'OnFailure'
        return not self._ending and (
            policy == 'Always' or policy == 'OnFailure' and code != 0)

    def create_sandbox(self, spec):
        """Return the sandbox of a container's program."""
        mounts = {mount['mountPath']: containers.directory_of(
            self, f'volumes/{mount["name"]}') + (
                '/' + mount['subPath'] if mount.get('subPath') else '')
            for mount in spec.get('volumeMounts', ())}
        limits = spec['resources'].get('limits', {})
        root = containers.directory_of(self, f'root/{spec["name"]}')
        return images.Sandbox(
            self.address, root, mounts, bool(spec.get(
                'securityContext', {}).get('readOnlyRootFilesystem')),
            int(quantities.parse(limits.get('memory', '0'))))

    def kill(self, memory=False):
        """Kill the containers, from another thread."""
        for container in self.containers:
            container.kill(memory)

    def evict(self):
        """Let the node evict the pod for lack of memory."""
        self._evicted = True
        self.wake()

    def freeze(self, frozen=True):
        """Stop or continue all processes."""
        for container in self.containers:
            if container.id and not container.ended:
                self.kubelet.processes.freeze(container.id, frozen)

    # The thread

    def run(self):
        os.makedirs(self.directory, exist_ok=True)
        try:
            self.address = self.kubelet.allocate_address()
            self._run()
        finally:
            self._kill_all(self._grace())
            if self.address:
                self.kubelet.release_address(self.address)
            shutil.rmtree(self.directory, ignore_errors=True)
            self.kubelet.remove_worker(self)

    def _run(self):
        spec = self.pod['spec']
        self.initial = [containers.Container(self, container_spec)
                        for container_spec in spec.get('initContainers', ())]
        self.containers = [containers.Container(self, container_spec)
                           for container_spec in spec['containers']]
        for container in self.initial:
            container.state = {'waiting': {'reason': 'PodInitializing'}}
        self._started_at = time.monotonic()
        self._report()
        self._pause(self.kubelet.delay)
        while self._refresh():
            if not self.kubelet.is_lost(self.node):
                if 'deletionTimestamp' in self.pod['metadata']:
                    self._finish()
                    return
                self._advance()
                self._report()
            self._wait()

    def _pause(self, seconds):
        """Wait, while handling messages."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._refresh() and (
                'deletionTimestamp' not in self.pod['metadata']):
            self._wait(end)

    def _refresh(self):
        """Read the current pod; return false after its removal."""
        pod = self.kubelet.store.get(resources.PODS, self.namespace,
                                     self.name)
        vanished = pod is None or pod['metadata']['uid'] != self.uid
        if vanished and self.kubelet.is_lost(self.node):
            return not self.kubelet.closed
        if not vanished:
            self.pod = pod
        return not vanished and not self.kubelet.closed

    def _next_time(self):
        times = [container.due for container in (*self.initial,
                                                 *self.containers)]
        times.append(self._resize_due)
        deadline = self.pod['spec'].get('activeDeadlineSeconds')
        if deadline and not self._failure:
            times.append(self._started_at + deadline)
        return min([time for time in times if time is not None],
                   default=None)

    def _wait(self, due=None):
        """Wait for a message or for the next due time."""
        if due is None and not self.kubelet.is_lost(self.node):
            due = self._next_time()
        timeout = None if due is None else max(0, due - time.monotonic())
        try:
            message = self._inbox.get(timeout=timeout)
            while True:
                if message:
                    for container in (*self.initial, *self.containers):
                        container.handle_message(message)
                message = self._inbox.get_nowait()
        except queue.Empty:
            pass

    def _advance(self):
        deadline = self.pod['spec'].get('activeDeadlineSeconds')
        if deadline and not self._failure and (
                not self._terminal() and time.monotonic()
                >= self._started_at + deadline):
            self._fail('DeadlineExceeded', 'Pod was active on the node longer '
                       'than the specified deadline')
        if self._evicted and not self._failure and not self._terminal():
            self._fail('Evicted', 'The node was low on resource: memory. ')
        if self._failure:
            return
        if self._initialize():
            for container in self.containers:
                container.advance()
            self._resize()

    def _fail(self, reason, message):
        """End all containers; the pod stays as a record."""
        self._failure = (reason, message)
        self.emit_event(reason, message, True)
        self._kill_all(self.pod['spec']['terminationGracePeriodSeconds'])

    def _initialize(self):
        """Run the init containers, one after another."""
        for container in self.initial:
            if container.ended and not container.ended['exitCode']:
                continue
            container.advance()
            return False
        return True

    def _grace(self):
        """Return the grace period of the last known state of the pod.

        A removal by force does not shorten the period.
        """
        return self.pod['metadata'].get(
            'deletionGracePeriodSeconds',
            self.pod['spec']['terminationGracePeriodSeconds'])

    def _kill_all(self, grace):
        """End all processes, with force after ``grace`` seconds."""
        self._ending = True
        running = [container for container in (*self.initial, *self.containers)
                   if container.id and not container.ended]
        for container in running:
            container.kill(number=signal.SIGTERM if grace else signal.SIGKILL)
        grace_period = grace_periods.GracePeriod(grace)
        while not all(container.ended for container in running):
            if self.kubelet.closed:
                return
            if self._refresh():
                grace_period.shorten(self.pod['metadata'].get(
                    'deletionGracePeriodSeconds', grace))
            if grace_period.is_over():
                for container in running:
                    self.kubelet.processes.signal(container.id, signal.SIGKILL,
                                                  True)
            self._wait(grace_period.due())

    def _finish(self):
        """End a deleted pod, then remove the object."""
        self.emit_event('Killing', 'Stopping container '
                        f'{self.containers[0].spec["name"]}')
        self._kill_all(self.pod['metadata'].get(
            'deletionGracePeriodSeconds', 0))
        for container in self.containers:
            container.due = None
        self._report()
        try:
            self.kubelet.registry.delete(
                resources.PODS, self.namespace, self.name, {
                    'gracePeriodSeconds': 0,
                    'preconditions': {'uid': self.uid}})
        except errors.ApiError as error:
            if error.code not in (404, 409):
                raise

    # Resizes

    def _resize(self):
        sizes = [container_spec['resources']
                 for container_spec in self.pod['spec']['containers']]
        if sizes == [container.allocated for container in self.containers]:
            self._resize_due = None
            return
        now = time.monotonic()
        if self._resize_due is None:
            self._resize_due = now + RESIZE_PAUSE
        elif now >= self._resize_due:
            reason, message = self.kubelet.resize_rejection(self.pod)
            if reason:
                self._resize_due = now + RESIZE_PAUSE
                self._pend(reason, message)
                return
            self._resize_due = None
            for container, size in zip(self.containers, sizes):
                self._apply(container, size)

    def _apply(self, container, size):
        policies = {policy['resourceName']: policy['restartPolicy']
                    for policy in container.spec.get('resizePolicy', ())}
        before = container.allocated.get('limits', {})
        after = size.get('limits', {})
        container.allocated = size
        container.spec = dict(container.spec, resources=size)
        if any(policies.get(name) == 'RestartContainer'
               and before.get(name) != after.get(name)
               for name in ('cpu', 'memory')):
            container.kill()

    def _pend(self, reason, message):
        def write(value):
            conditions.put(value, 'PodResizePending', True, reason, message)
        self._write(write)

    # The status

    def _terminal(self):
        return self._phase() in ('Succeeded', 'Failed')

    def _phase(self):
        if self._failure:
            return 'Failed'
        states = [container.state for container in self.containers]
        codes = [state['terminated']['exitCode'] for state in states
                 if 'terminated' in state]
        if any(container.ended and container.ended['exitCode']
               for container in self.initial):
            return 'Failed'
        if len(codes) == len(states):
            return 'Failed' if any(codes) else 'Succeeded'
        started = any(container.running or container.ended
                      or container.last_state for container in self.containers)
        return 'Running' if started else 'Pending'

    def _report(self):
        """Write the status."""
        phase = self._phase()

        def write(value):
            status = value['status']
            status.setdefault('startTime', names.now())
            status.update(
                phase=phase, hostIP=self.kubelet.host_address(self.node),
                hostIPs=[{'ip': self.kubelet.host_address(self.node)}],
                podIP=self.address, podIPs=[{'ip': self.address}],
                observedGeneration=value['metadata']['generation'],
                containerStatuses=[container.status()
                                   for container in self.containers])
            if self.initial:
                status['initContainerStatuses'] = [
                    dict(container.status(), ready=bool(container.ended))
                    for container in self.initial]
            if self._failure:
                status['reason'], status['message'] = self._failure
                if self._evicted:
                    conditions.put(value, 'DisruptionTarget', True,
                                   'TerminationByKubelet', self._failure[1])
            self._put_conditions(value, phase)

        self._write(write)

    def _write(self, write):
        try:
            self.pod = self.kubelet.registry.change(
                resources.PODS, self.namespace, self.name, write,
                subresource='status')
        except errors.ApiError as error:
            if error.code != 404:
                raise

    def _put_conditions(self, value, phase):
        generation = value['metadata']['generation']
        initialized = all(container.ended and not container.ended['exitCode']
                          for container in self.initial)
        unready = [container.spec['name'] for container in self.containers
                   if not container.ready]
        reason = message = ''
        if phase in ('Succeeded', 'Failed'):
            reason = 'PodCompleted' if phase == 'Succeeded' else 'PodFailed'
        elif unready:
            reason = 'ContainersNotReady'
            message = f'containers with unready status: [{" ".join(unready)}]'
        good = not unready and phase == 'Running'
        conditions.put(value, 'PodReadyToStartContainers',
                       phase in ('Pending', 'Running'))
        conditions.put(value, 'Initialized', initialized)
        conditions.put(value, 'ContainersReady', good, reason, message)
        conditions.put(value, 'Ready', good, reason, message)
        resized = [container_spec['resources']
                   for container_spec in value['spec']['containers']]
        if resized != [container.allocated for container in self.containers]:
            if not conditions.find(value, 'PodResizePending'):
                conditions.put(value, 'PodResizeInProgress', True)
        else:
            conditions.drop(value, 'PodResizeInProgress')
            conditions.drop(value, 'PodResizePending')
        for condition in value['status']['conditions']:
            if condition['type'] != 'PodScheduled':
                condition['observedGeneration'] = generation
