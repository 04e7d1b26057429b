# SPDX-License-Identifier: Apache-2.0
"""Probes of the health of a container."""

import http.client
import socket
import subprocess
import time


class Probe:
    """Probe of a running container.

    :param spec: the probe of the container's spec.
    :param pace: length of a second between attempts: successes come sooner
        than from a real kubelet, but a failure counts once in a period of real
        seconds only, so no container is given up sooner.
    :param good: the result before the first attempt.
    """

    def __init__(self, spec, pace, good):
        self.spec = spec
        self.good = good
        self.failed = 0
        self.passed = 0
        self._pace = pace
        self.due = time.monotonic() + pace * spec.get(
            'initialDelaySeconds', 0)
        self.message = ''
        self._last_failure_at = time.monotonic()

    def run(self, target, broken=False):
        """Try once; return whether the result has changed.

        :param target: a :class:`Target`.
        :param broken: whether to fail in any case.
        """
        before = self.good
        try:
            passed = not broken and self._try(target)
        except (OSError, http.client.HTTPException,
                subprocess.SubprocessError) as error:
            passed, self.message = False, str(error)
        if passed:
            self.passed, self.failed = self.passed + 1, 0
            if self.passed >= self.spec['successThreshold']:
                self.good = True
        else:
            self._fail()
        self.due = time.monotonic() + self._pace * self.spec['periodSeconds']
        return self.good != before

    def _fail(self):
        self.passed = 0
        now = time.monotonic()
        if now - self._last_failure_at < self.spec['periodSeconds']:
            return
        self._last_failure_at = now
        self.failed += 1
        if self.failed >= self.spec['failureThreshold']:
            self.good = False

    def _try(self, target):
        patience = self.spec['timeoutSeconds']
        if 'exec' in self.spec:
            done = subprocess.run(
                self.spec['exec']['command'], env=target.environment,
                cwd=target.directory, timeout=patience, capture_output=True,
                stdin=subprocess.DEVNULL)
            return done.returncode == 0
        if 'httpGet' in self.spec:
            return self._get(self.spec['httpGet'], target, patience)
        port = self.spec.get('tcpSocket', self.spec.get('grpc'))
        with socket.create_connection(
                (port.get('host') or target.address,
                 target.port(port['port'])), patience):
            return True

    def _get(self, action, target, patience):
        connection = http.client.HTTPConnection(
            action.get('host') or target.address,
            target.port(action['port']), timeout=patience)
        try:
            headers = {header['name']: header['value']
                       for header in action.get('httpHeaders', ())}
            headers.setdefault('User-Agent', 'kube-probe/1.36')
            connection.request('GET', action['path'], headers=headers)
            status = connection.getresponse().status
        finally:
            connection.close()
        self.message = f'HTTP probe failed with statuscode: {status}'
        return 200 <= status < 400


class Target:
    """Target of probes: a container at an address."""

    def __init__(self, address, container, environment, directory):
        self.address = address
        self.environment = environment
        self.directory = directory
        self._container = container

    def port(self, port):
        """Return the number of a port, also for a name."""
        if isinstance(port, int):
            return port
        for declared in self._container.get('ports', ()):
            if declared.get('name') == port:
                return declared['containerPort']
        return int(port)
