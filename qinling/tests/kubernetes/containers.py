# SPDX-License-Identifier: Apache-2.0
"""Container of a pod: states, restarts and probes."""

import os
import re
import secrets
import signal
import time

from qinling.tests.kubernetes import environment
from qinling.tests.kubernetes import images
from qinling.tests.kubernetes import names
from qinling.tests.kubernetes import probes

REFERENCE = re.compile(
    r'([a-zA-Z0-9.-]+(:\d+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*'
    r'(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?')
FIRST_BACKOFF, LONGEST_BACKOFF = 10, 300  # seconds of the kubelet
CONFIG_PAUSE = 10
LOG_TAIL_BYTES = 2048  # bytes


class Container:
    """Container, owned by the thread of the pod.

    :param worker: the :class:`.podworker.PodWorker`.
    :param spec: the specification of the container.
    """

    def __init__(self, worker, spec):
        self.spec = spec
        self.state = {'waiting': {'reason': 'ContainerCreating'}}
        self.last_state = {}
        self.restarts = 0
        self.id = None            # of its process, once it was started
        self.probes = {}
        self.due = 0              # when there is something to do
        self.allocated = spec['resources']
        self.killed_for_memory = False
        self._worker = worker
        self._environment = {}
        self._attempts = 0

    @property
    def running(self):
        return 'running' in self.state

    @property
    def ended(self):
        return self.state.get('terminated')

    @property
    def started(self):
        return self.running and ('startupProbe' not in self.probes
                                 or self.probes['startupProbe'].good)

    @property
    def ready(self):
        return self.started and (
            'readinessProbe' not in self.probes
            or self.probes['readinessProbe'].good)

    def advance(self):
        """Do the due work and set ``due`` to the time of the next work.

        The time is ``None`` without further work.
        """
        if self.due is None or self.due > time.monotonic():
            return
        self.due = None
        if self.running:
            self._probe()
        elif self.id is None and not self.ended:
            self._create()

    def _wait(self, reason, message, pause):
        self.state = {'waiting': {'reason': reason, 'message': message}}
        if reason == 'ContainerCreating':
            del self.state['waiting']['message']
        self.due = time.monotonic() + pause * self._worker.kubelet.pace

    def _backoff(self):
        self._attempts += 1
        return min(LONGEST_BACKOFF,
                   FIRST_BACKOFF * 2 ** (self._attempts - 1))

    def _create(self):
        image = self._pull()
        if image is None:
            return
        worker = self._worker
        try:
            self._check_user(image)
            variables = environment.resolve(worker.kubelet.store, worker.pod,
                                            self.spec)
        except environment.ConfigError as error:
            worker.emit_event('Failed', f'Error: {error}', True)
            self._wait('CreateContainerConfigError', str(error), CONFIG_PAUSE)
            return
        self._environment = {'PATH': images.PATH, **image.environment,
                             **variables}
        sandbox = worker.create_sandbox(self.spec)
        self.id = secrets.token_hex(32)
        self.due = None
        worker.kubelet.processes.start(
            self.id, worker.handle_message, argv=worker.kubelet.confine(
                worker.pod, self._command(image, sandbox)),
            env=self._environment, cwd=sandbox.directory,
            log=worker.log_path(self.spec['name'], self.restarts))

    def _pull(self):
        """Return the :class:`.images.Image`, or ``None`` if the pull fails."""
        name, worker = self.spec['image'], self._worker
        if not REFERENCE.fullmatch(name):
            message = (f'Failed to apply default image tag "{name}": couldn\'t'
                       f' parse image name "{name}": invalid reference format')
            worker.emit_event('InspectFailed', message, True)
            self._wait('InvalidImageName', message, CONFIG_PAUSE)
            return None
        image = worker.kubelet.images.get(name)
        if image is not None:
            return image
        if self.spec['imagePullPolicy'] == 'Never':
            self._wait('ErrImageNeverPull', f'Container image "{name}" is not '
                       'present with pull policy of Never', CONFIG_PAUSE)
        elif self.state['waiting']['reason'] == 'ErrImagePull':
            self._wait('ImagePullBackOff', f'Back-off pulling image "{name}"',
                       self._backoff())
            worker.emit_event('BackOff', f'Back-off pulling image "{name}"',
                              True)
        else:
            message = (f'failed to pull and unpack image "{name}": failed to '
                       f'resolve reference "{name}": {name}: not found')
            worker.emit_event(
                'Failed', f'Failed to pull image "{name}": {message}', True)
            self._wait('ErrImagePull', message, 1)
        return None

    def _check_user(self, image):
        pod = self._worker.pod['spec']['securityContext']
        context = self.spec.get('securityContext', {})
        user = context.get('runAsUser', pod.get('runAsUser', image.user))
        if context.get('runAsNonRoot', pod.get('runAsNonRoot')) and user == 0:
            raise environment.ConfigError(
                'container has runAsNonRoot and image will run as root '
                f'(pod: "{self._worker.name}", container: '
                f'{self.spec["name"]})')

    def _command(self, image, sandbox):
        command = self.spec.get('command') or image.entry(sandbox)
        return [environment.expand(word, self._environment)
                if number >= (0 if self.spec.get('command') else len(command))
                else word for number, word in enumerate(
                    [*command, *self.spec.get('args', ())])]

    # Messages of the runtime

    def handle_message(self, message):
        """Record the start, failure or end of the process."""
        if message['id'] != self.id:
            return
        if message['event'] == 'started':
            self.state = {'running': {'startedAt': names.now()}}
            self._set_probes()
            self._worker.emit_event('Started', f'Started container '
                                    f'{self.spec["name"]}')
        elif message['event'] == 'failed':
            self._end(128, 'StartError', 'failed to create containerd task: '
                      f'{message["error"]}')
        else:
            code = message['code']
            self._end(128 - code if code < 0 else code)

    def _set_probes(self):
        pace = self._worker.kubelet.pace
        self.probes = {name: probes.Probe(self.spec[name], pace,
                                          name == 'livenessProbe')
                       for name in ('startupProbe', 'readinessProbe',
                                    'livenessProbe') if name in self.spec}
        self._schedule()

    def _end(self, code, reason=None, message=None):
        image = self._worker.kubelet.images.get(self.spec['image'])
        hungry = self.killed_for_memory or (image and image.hungry)
        if reason is None:
            reason = ('OOMKilled' if code == 137 and hungry
                      else 'Error' if code else 'Completed')
        now = names.now()
        termination = {'exitCode': code, 'reason': reason, 'finishedAt': now,
                       'startedAt': self.state.get('running', {}).get(
                           'startedAt', now), 'containerID': self.full_id()}
        message = message or self._log_tail(code)
        if message:
            termination['message'] = message
        self.killed_for_memory = False
        self.state = {'terminated': termination}
        self.probes = {}
        if self._worker.restarts(self, code):
            self._restart(termination)

    def _log_tail(self, code):
        if not code or self.spec[
                'terminationMessagePolicy'] != 'FallbackToLogsOnError':
            return None
        path = self._worker.log_path(self.spec['name'], self.restarts)
        with open(path, 'rb') as source:
            lines = [line.split(b' ', 3)[3] for line in source]
        return b''.join(lines)[-LOG_TAIL_BYTES:].decode('utf-8', 'replace')

    def _restart(self, termination):
        """Start again, with a delay except for the first time."""
        self.last_state = {'terminated': termination}
        self.id = None
        self.restarts += 1
        self.state = {'waiting': {'reason': 'ContainerCreating'}}
        if self.restarts == 1:
            self._attempts = 0
            self.due = 0
            return
        pause = self._backoff()
        message = (f'back-off {pause}s restarting failed container='
                   f'{self.spec["name"]} pod={self._worker.name}')
        self._wait('CrashLoopBackOff', message, pause)
        self._worker.emit_event('BackOff', message, True)

    # Probes

    def _schedule(self):
        times = [probe.due for name, probe in self.probes.items()
                 if self._probed(name)]
        self.due = min(times, default=None)

    def _probed(self, name):
        """Return whether a probe is due: the other probes wait for the startup
        probe."""
        return (name == 'startupProbe') != self.started

    def _probe(self):
        worker = self._worker
        target = probes.Target(worker.address, self.spec, self._environment,
                               worker.directory)
        for name, probe in list(self.probes.items()):
            if not self._probed(name) or probe.due > time.monotonic():
                continue
            broken = name == 'readinessProbe' and (
                self.spec['image'] in worker.kubelet.never)
            failed = probe.failed
            probe.run(target, broken)
            if probe.failed > failed:
                worker.emit_event('Unhealthy',
                                  f'{name[:-5].capitalize()} probe '
                                  f'failed: {probe.message}', True)
            if name != 'readinessProbe' and not probe.good and (
                    probe.failed >= probe.spec['failureThreshold']):
                self.kill()
        self._schedule()

    # Ends

    def kill(self, memory=False, number=signal.SIGKILL):
        """End the process."""
        self.killed_for_memory = memory
        if self.id and not self.ended:
            self._worker.kubelet.processes.signal(self.id, number)

    def full_id(self):
        return f'containerd://{self.id or ""}'

    def status(self):
        """Return the ``ContainerStatus``."""
        result = {
            'name': self.spec['name'], 'image': self.spec['image'],
            'imageID': '', 'ready': self.ready, 'started': self.started,
            'restartCount': self.restarts, 'state': self.state,
            'lastState': self.last_state, 'resources': self.allocated}
        if self.allocated.get('requests'):
            result['allocatedResources'] = self.allocated['requests']
        if self.id:
            result['containerID'] = self.full_id()
            result['imageID'] = self.spec['image'] + '@sha256:' + '0' * 64
        return result


def directory_of(worker, name):
    """Return a directory of a pod, created on demand."""
    path = os.path.join(worker.directory, name)
    os.makedirs(path, exist_ok=True)
    return path
