# SPDX-License-Identifier: Apache-2.0
"""Probe: does the cluster enforce network policies?

A pod to which all policies apply tries to connect to an idle worker.  The
policies forbid the connection twice: as egress of the pod and as ingress of
the worker.  The result is an annotation of a policy, so that other programs
can read the result without a probe.
"""

import logging
import threading

from qinling import exception
from qinling.orchestrators import base
from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import images
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import network
from qinling.orchestrators.kubernetes import pods
from qinling.orchestrators.kubernetes import view as views

LOG = logging.getLogger(__name__)

ENFORCED, OPEN = 'enforced', 'not enforced by the cluster'
NAME = 'network-probe'
SECONDS = 60
_CPU, _MEMORY = 100, 64 << 20

#: Program of the probe.  A plug-in may enforce policies some seconds after
#: the start of a pod, so only three failures in a row count.
_PROGRAM = '''
import socket, sys, time
failures = 0
for number in range(15):
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()
        failures = 0
    except OSError:
        failures += 1
    if failures == 3:
        sys.exit(print("closed"))
    time.sleep(0.5)
print("open")
'''


class Enforcement:
    """Knowledge of the enforcement of policies in this engine.

    :param mode: value of the option ``network_policy_probe``.
    """

    def __init__(self, api: apis.Api, view: views.View,
                 runner: images.Images, mode: str) -> None:
        self._api = api
        self._view = view
        self._runner = runner
        self._mode = mode
        self._lock = threading.Lock()
        self._result = ''

    def start(self, runtime: base.RuntimeSpec) -> None:
        """Probe with the image and an idle worker of a pool, once.

        Wait for the result only if enforcement is required.
        """
        if self._mode == 'off' or self._result:
            return
        thread = threading.Thread(target=self._run, args=(runtime,),
                                  name='kubernetes-probe', daemon=True)
        thread.start()
        if self._mode == 'require':
            thread.join()

    def stop(self) -> None:
        """Stop a running probe."""
        self._runner.cancel(NAME)

    def check(self) -> None:
        """Refuse workers of a cluster without enforcement, if required.

        :raises PermanentError: the cluster does not enforce policies.
        :raises TemporaryError: the result of the probe is not known yet.
        """
        if self._mode != 'require' or self._result == ENFORCED:
            return
        if self._result:
            raise exception.PermanentError(
                'The cluster does not enforce network policies: install a '
                'network plugin that does and restart the engines, or change '
                '[kubernetes] network_policy_probe.')
        raise exception.TemporaryError(
            'The enforcement of network policies is not known yet: try again '
            'when the runtime is available.')

    def check_offline(self) -> None:
        """Refuse workers without a network, which policies would enforce.

        :raises PermanentError: the cluster does not enforce policies.
        """
        if self.describe() == OPEN:
            raise exception.PermanentError(
                'Workers cannot be without a network here, since the cluster '
                'does not enforce network policies.')

    def describe(self) -> str:
        """Return the result of this engine, else of the last engine."""
        if self._result:
            return self._result
        try:
            policy = self._api.call(
                self._api.networking.read_namespaced_network_policy,
                network.DEFAULT, self._api.namespace,
                _request_timeout=apis.CONNECT_TIMEOUT_SECONDS)
        except (apis.Rejected, apis.Unreachable) as e:
            return f'unknown: {e}'
        return (policy['metadata'].get('annotations') or {}).get(
            labels.ENFORCEMENT, 'not probed yet')

    def _run(self, runtime: base.RuntimeSpec) -> None:
        """Probe, unless another thread does; the target of a thread."""
        if not self._lock.acquire(blocking=self._mode == 'require'):
            return
        try:
            if not self._result:
                self._result = self._probe(runtime)
                self._publish()
        except (exception.TemporaryError, exception.PermanentError) as e:
            LOG.warning('Could not probe the network policies: %s', e)
        except Exception:
            LOG.exception('Could not probe the network policies')
        finally:
            self._lock.release()

    def _publish(self) -> None:
        if self._result != ENFORCED:
            LOG.error('The cluster does not enforce network policies: '
                      'functions reach each other and the control plane.')
        with apis.translate_errors('The result of the probe is lost'):
            self._api.call(
                self._api.networking.patch_namespaced_network_policy,
                network.DEFAULT, self._api.namespace, {'metadata': {
                    'annotations': {labels.ENFORCEMENT: self._result}}},
                _content_type=apis.MERGE_PATCH)

    def _probe(self, runtime: base.RuntimeSpec) -> str:
        """Return the result of a probe.

        :raises TemporaryError, PermanentError: there is no result.
        """
        worker = self._find_worker(runtime.id)
        outcome = self._runner.run(base.ImageRun(
            NAME, NAME, runtime.image,
            (worker['status']['podIP'], str(pods.PORT)), _CPU, _MEMORY,
            SECONDS, 1000, command=('python3', '-I', '-S', '-c', _PROGRAM)))
        if outcome.log == 'open\n':
            return OPEN
        with self._view.changed:
            present = self._view.pods.get(pods.get_name(worker))
        # Without its worker, every connection fails.
        if outcome.log != 'closed\n' or not (
                present and pods.is_ready(present)):
            raise exception.TemporaryError(
                outcome.sentence or outcome.log
                or 'the worker ended meanwhile.')
        return ENFORCED

    def _find_worker(self, runtime_id: str) -> apis.Resource:
        with self._view.changed:
            for pod in self._view.list_pods(runtime_id, labels.IDLE):
                if pods.is_ready(pod):
                    return pod
        raise exception.TemporaryError('the pool has no ready worker.')
