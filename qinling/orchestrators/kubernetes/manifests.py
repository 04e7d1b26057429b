# SPDX-License-Identifier: Apache-2.0
"""Writing the objects of a pool, of policies and of engines.

Everything is made of the client's types, which refuse what the API server
would refuse; nothing is rendered as text, so nothing that a user says can
become more than a value.
"""

import hashlib
import json

from kubernetes import client

from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import pods

MIB = 1 << 20
USER = 65532            # nobody in particular, as in distroless images
CODE = '/var/lib/qinling/code'
AGENT_PROCESSES = 80
UNREACHABLE_SECONDS = 15  # a pod stays on a node that says nothing
KEY = 'key'


def pool_name(runtime_id):
    """The name of all objects of a pool."""
    return f'qinling-{runtime_id}'


class Manifests:
    """Makes objects as the configuration wants them."""

    def __init__(self, conf):
        self._options = conf.kubernetes
        self._slots = conf.engine.function_concurrency
        self._most_cpu = conf.resource_limits.max_cpu
        self._most_memory = conf.resource_limits.max_memory

    # Pools

    def deployment(self, runtime):
        """The V1Deployment of a pool, for a :class:`..base.RuntimeSpec`."""
        selector = {labels.RUNTIME: runtime.id, labels.STATE: labels.IDLE}
        spec = self._worker_spec(runtime)
        spec.topology_spread_constraints = [
            client.V1TopologySpreadConstraint(
                max_skew=1, topology_key='kubernetes.io/hostname',
                when_unsatisfiable='ScheduleAnyway',
                label_selector=client.V1LabelSelector(
                    match_labels=selector))]
        digest = _digest(spec)
        template = client.V1PodTemplateSpec(
            metadata=client.V1ObjectMeta(
                labels={**labels.MANAGED, **selector, labels.SPEC: digest},
                annotations={
                    'io.kubernetes.cri-o.TrustedSandbox':
                        str(runtime.trusted).lower()}),
            spec=spec)
        return client.V1Deployment(
            api_version='apps/v1', kind='Deployment',
            metadata=self._metadata(runtime.id, {labels.SPEC: digest}),
            spec=client.V1DeploymentSpec(
                replicas=self._options.replicas, revision_history_limit=1,
                progress_deadline_seconds=self._options.ready_timeout + 60,
                selector=client.V1LabelSelector(match_labels=selector),
                strategy=client.V1DeploymentStrategy(
                    type='RollingUpdate',
                    rolling_update=client.V1RollingUpdateDeployment(
                        max_surge='100%', max_unavailable=0)),
                template=template))

    def budget(self, runtime_id):
        """The V1PodDisruptionBudget of a pool."""
        return client.V1PodDisruptionBudget(
            api_version='policy/v1', kind='PodDisruptionBudget',
            metadata=self._metadata(runtime_id),
            spec=client.V1PodDisruptionBudgetSpec(
                max_unavailable=1,
                unhealthy_pod_eviction_policy='AlwaysAllow',
                selector=client.V1LabelSelector(match_labels={
                    labels.RUNTIME: runtime_id, labels.STATE: labels.IDLE})))

    def key(self, runtime_id, key):
        """The V1Secret with the key that the secrets of workers come of."""
        return client.V1Secret(
            api_version='v1', kind='Secret', type='Opaque', immutable=True,
            metadata=self._metadata(runtime_id), string_data={KEY: key})

    def _metadata(self, runtime_id, more=None):
        return client.V1ObjectMeta(
            name=pool_name(runtime_id),
            labels={**labels.MANAGED, labels.RUNTIME: runtime_id,
                    **(more or {})})

    def _worker_spec(self, runtime):
        options = self._options
        spec = self._confined(client.V1Container(
            name='worker', image=runtime.image, env=self._environment(
                runtime.id),
            ports=[client.V1ContainerPort(
                name='agent', container_port=pods.PORT)],
            # The kernel answers for an agent that gets no CPU time, so no
            # busy worker is taken for a dead one.
            readiness_probe=_probe(1, 3), liveness_probe=_probe(10, 3),
            startup_probe=_probe(1, options.ready_timeout),
            resources=self._resources(),
            termination_message_policy='FallbackToLogsOnError'))
        spec.volumes.append(_scratch('code', options.code_size))
        spec.containers[0].volume_mounts.append(
            client.V1VolumeMount(name='code', mount_path=CODE))
        if not runtime.trusted and options.untrusted_runtime_class:
            spec.runtime_class_name = options.untrusted_runtime_class
        return spec

    def _environment(self, runtime_id):
        options = self._options
        settings = {
            'processes': (options.processes if options.user_namespaces
                          else 0),
            'open_files': options.open_files,
            'file_size': options.file_size * MIB,
            'max_body_size': options.max_package_size * MIB}
        return [
            client.V1EnvVar(
                name='QINLING_POOL_KEY', value_from=client.V1EnvVarSource(
                    secret_key_ref=client.V1SecretKeySelector(
                        name=pool_name(runtime_id), key=KEY))),
            _downward('QINLING_WORKER', 'metadata.name'),
            _downward('QINLING_POD_IP', 'status.podIP'),
            client.V1EnvVar(
                name='QINLING_LISTEN',
                value=f'tcp:[$(QINLING_POD_IP)]:{pods.PORT}'),
            client.V1EnvVar(name='QINLING_SETTINGS',
                            value=json.dumps(settings, sort_keys=True))]

    def _resources(self):
        """Those of an idle worker: it asks for little, and its limits let
        it serve the largest function at once."""
        options = self._options
        return self._requirements(
            options.idle_cpu, options.idle_memory * MIB,
            self._slots * self._most_cpu,
            self._slots * self._most_memory
            + options.overhead_memory * MIB)

    def resized(self, limits):
        """The body of a resize that fits a pod to ``limits``."""
        memory = self._options.overhead_memory * MIB
        cpu = limits.cpu * limits.slots
        resources = self._requirements(
            # Less than the limit: the QoS class of a pod cannot change.
            max(1, cpu // 2), memory + limits.memory_size,
            cpu, memory + limits.memory_size * limits.slots, disk=False)
        return {'spec': {'containers': [{
            'name': 'worker', 'resources': {
                'limits': resources.limits,
                'requests': resources.requests}}]}}

    def _requirements(self, least_cpu, least_memory, cpu, memory, disk=True):
        requests = {'cpu': f'{min(least_cpu, cpu)}m',
                    'memory': str(least_memory)}
        most = {'cpu': f'{cpu}m', 'memory': str(memory)}
        if disk:
            size = self._options.tmp_size + self._options.code_size
            requests['ephemeral-storage'] = '16Mi'
            most['ephemeral-storage'] = f'{size + 64}Mi'
        return client.V1ResourceRequirements(requests=requests, limits=most)

    # Images

    def image_pod(self, name, order, engine, deadline):
        """The V1Pod of one execution, for an :class:`..base.ImageOrder`.

        :param deadline: seconds after which the cluster ends it.
        """
        spec = self._confined(client.V1Container(
            name='function', image=order.image,
            # A dollar sign would begin the name of a variable.
            args=[each.replace('$', '$$') for each in order.args],
            resources=self._requirements(
                order.cpu, order.memory_size, order.cpu, order.memory_size),
            termination_message_policy='File'))
        spec.restart_policy = 'Never'
        spec.active_deadline_seconds = deadline
        return client.V1Pod(
            api_version='v1', kind='Pod',
            metadata=client.V1ObjectMeta(name=name, labels={
                **labels.MANAGED, labels.STATE: labels.IMAGE,
                labels.FUNCTION: order.function_id, labels.ENGINE: engine}),
            spec=spec)

    # Both

    def _confined(self, container):
        """The V1PodSpec of a container with no rights at all."""
        options = self._options
        container.security_context = client.V1SecurityContext(
            allow_privilege_escalation=False, privileged=False,
            read_only_root_filesystem=True,
            capabilities=client.V1Capabilities(drop=['ALL']))
        container.volume_mounts = [
            client.V1VolumeMount(name='tmp', mount_path='/tmp')]
        return client.V1PodSpec(
            containers=[container],
            volumes=[_scratch('tmp', options.tmp_size)],
            automount_service_account_token=False,
            enable_service_links=False,
            host_users=False if options.user_namespaces else None,
            security_context=client.V1PodSecurityContext(
                run_as_non_root=True, run_as_user=USER, run_as_group=USER,
                fs_group=USER, seccomp_profile=client.V1SeccompProfile(
                    type='RuntimeDefault')),
            runtime_class_name=options.runtime_class,
            node_selector=options.node_selector or None,
            image_pull_secrets=[
                client.V1LocalObjectReference(name=each)
                for each in options.image_pull_secrets] or None,
            tolerations=[
                client.V1Toleration(
                    key=f'node.kubernetes.io/{key}', operator='Exists',
                    effect='NoExecute',
                    toleration_seconds=UNREACHABLE_SECONDS)
                for key in ('not-ready', 'unreachable')],
            termination_grace_period_seconds=1)


def _digest(spec):
    text = json.dumps(client.ApiClient().sanitize_for_serialization(spec),
                      sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _probe(period, failures):
    return client.V1Probe(
        tcp_socket=client.V1TCPSocketAction(port=pods.PORT),
        period_seconds=period, failure_threshold=failures, timeout_seconds=1)


def _downward(name, path):
    return client.V1EnvVar(name=name, value_from=client.V1EnvVarSource(
        field_ref=client.V1ObjectFieldSelector(field_path=path)))


def _scratch(name, size):
    return client.V1Volume(name=name, empty_dir=client.V1EmptyDirVolumeSource(
        size_limit=f'{size}Mi'))
