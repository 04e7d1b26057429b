# SPDX-License-Identifier: Apache-2.0
"""Creation of the objects of pools and of image functions.

The types of the client validate like the API server.  No object is rendered
as text, so text of users can only be a value.
"""

import hashlib
import json

from kubernetes import client
from oslo_config import cfg

from qinling.orchestrators import base
from qinling.orchestrators.kubernetes import api as apis
from qinling.orchestrators.kubernetes import labels
from qinling.orchestrators.kubernetes import pods

MIB = 1 << 20
USER = 65532            # an unprivileged user, as in distroless images
CODE = '/var/lib/qinling/code'
AGENT_PROCESSES = 80
GRACE_SECONDS = 20      # to hand over the result of an execution
UNREACHABLE_SECONDS = 15  # of a node, until the eviction of its pods
KEY = 'key'


def pool_name(runtime_id: str) -> str:
    """Return the name of all objects of a pool."""
    return f'qinling-{runtime_id}'


class Manifests:
    """Creator of objects according to the configuration."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._options = conf.kubernetes
        self._slots = conf.engine.function_concurrency
        self._max_cpu = conf.resource_limits.max_cpu
        self._max_memory = conf.resource_limits.max_memory
        # An execution finishes before the cluster may end its worker.
        self._grace_seconds = (conf.resource_limits.max_timeout
                               + conf.engine.import_timeout + GRACE_SECONDS)

    # Pools

    def create_deployment(self, runtime: base.RuntimeSpec
                          ) -> client.V1Deployment:
        """Return the Deployment of a pool."""
        selector = {labels.RUNTIME: runtime.id, labels.STATE: labels.IDLE}
        spec = self._create_worker_spec(runtime)
        spec.topology_spread_constraints = [
            client.V1TopologySpreadConstraint(
                max_skew=1, topology_key='kubernetes.io/hostname',
                when_unsatisfiable='ScheduleAnyway',
                label_selector=client.V1LabelSelector(
                    match_labels=selector))]
        digest = _compute_digest(spec)
        template = client.V1PodTemplateSpec(
            metadata=client.V1ObjectMeta(
                labels={**labels.MANAGED, **selector, labels.SPEC: digest},
                annotations={
                    'io.kubernetes.cri-o.TrustedSandbox':
                        str(runtime.trusted).lower()}),
            spec=spec)
        return client.V1Deployment(
            api_version='apps/v1', kind='Deployment',
            metadata=self._create_metadata(runtime.id, {labels.SPEC: digest}),
            spec=client.V1DeploymentSpec(
                replicas=self._options.replicas, revision_history_limit=1,
                progress_deadline_seconds=self._options.ready_timeout + 60,
                selector=client.V1LabelSelector(match_labels=selector),
                strategy=client.V1DeploymentStrategy(
                    type='RollingUpdate',
                    rolling_update=client.V1RollingUpdateDeployment(
                        max_surge='100%', max_unavailable=0)),
                template=template))

    def create_budget(self, runtime_id: str
                      ) -> client.V1PodDisruptionBudget:
        """Return the PodDisruptionBudget of a pool."""
        return client.V1PodDisruptionBudget(
            api_version='policy/v1', kind='PodDisruptionBudget',
            metadata=self._create_metadata(runtime_id),
            spec=client.V1PodDisruptionBudgetSpec(
                max_unavailable=1,
                unhealthy_pod_eviction_policy='AlwaysAllow',
                selector=client.V1LabelSelector(match_labels={
                    labels.RUNTIME: runtime_id, labels.STATE: labels.IDLE})))

    def create_key(self, runtime_id: str, key: str) -> client.V1Secret:
        """Return the Secret with the key of the secrets of workers."""
        return client.V1Secret(
            api_version='v1', kind='Secret', type='Opaque', immutable=True,
            metadata=self._create_metadata(runtime_id), string_data={KEY: key})

    def _create_metadata(self, runtime_id: str,
                         extra_labels: dict[str, str] | None = None
                         ) -> client.V1ObjectMeta:
        return client.V1ObjectMeta(
            name=pool_name(runtime_id),
            labels={**labels.MANAGED, labels.RUNTIME: runtime_id,
                    **(extra_labels or {})})

    def _create_worker_spec(self, runtime: base.RuntimeSpec
                            ) -> client.V1PodSpec:
        options = self._options
        spec = self._create_pod_spec(client.V1Container(
            name=pods.WORKER, image=runtime.image,
            env=self._create_environment(runtime.id),
            ports=[client.V1ContainerPort(
                name='agent', container_port=pods.PORT)],
            # The kernel accepts connections even if the agent has no CPU
            # time, so a busy worker stays alive.
            readiness_probe=_create_probe(1, 3),
            liveness_probe=_create_probe(10, 3),
            startup_probe=_create_probe(1, options.ready_timeout),
            resources=self._create_idle_resources(),
            termination_message_policy='FallbackToLogsOnError'),
            code=(CODE, options.code_size))
        spec.termination_grace_period_seconds = self._grace_seconds
        if not runtime.trusted and options.untrusted_runtime_class:
            spec.runtime_class_name = options.untrusted_runtime_class
        return spec

    def _create_environment(self, runtime_id: str
                            ) -> list[client.V1EnvVar]:
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
            _create_field_variable('QINLING_WORKER', 'metadata.name'),
            _create_field_variable('QINLING_POD_IP', 'status.podIP'),
            client.V1EnvVar(
                name='QINLING_LISTEN',
                value=f'tcp:[$(QINLING_POD_IP)]:{pods.PORT}'),
            client.V1EnvVar(name='QINLING_SETTINGS',
                            value=json.dumps(settings, sort_keys=True))]

    def _create_idle_resources(self) -> client.V1ResourceRequirements:
        """Return small requests, and limits for the largest function."""
        options = self._options
        return self._create_resources(
            options.idle_cpu, options.idle_memory * MIB,
            self._slots * self._max_cpu,
            self._slots * self._max_memory
            + options.overhead_memory * MIB)

    def create_resize(self, limits: base.Limits, is_idle: bool = False
                      ) -> apis.Resource:
        """Return the body of a resize of a pod to the limits of a claim.

        :param is_idle: request little, as an idle worker.
        """
        memory = self._options.overhead_memory * MIB
        cpu = limits.cpu * limits.slots
        # Below the limits, since the QoS class of a pod cannot change.
        requests = (max(1, cpu // 2), memory + limits.memory_size)
        if is_idle:
            requests = (min(requests[0], self._options.idle_cpu),
                        min(requests[1], self._options.idle_memory * MIB))
        resources = self._create_resources(
            *requests, cpu, memory + limits.memory_size * limits.slots,
            disk=False)
        return {'spec': {'containers': [{
            'name': pods.WORKER, 'resources': {
                'limits': resources.limits,
                'requests': resources.requests}}]}}

    def _create_resources(self, min_cpu: int, min_memory: int, cpu: int,
                          memory: int, disk: bool = True
                          ) -> client.V1ResourceRequirements:
        """Return requests and limits.

        :param min_cpu, min_memory: requests; the other numbers are limits.
        """
        requests = {'cpu': f'{min(min_cpu, cpu)}m',
                    'memory': str(min_memory)}
        limits = {'cpu': f'{cpu}m', 'memory': str(memory)}
        if disk:
            size = self._options.tmp_size + self._options.code_size
            requests['ephemeral-storage'] = '16Mi'
            limits['ephemeral-storage'] = f'{size + 64}Mi'
        return client.V1ResourceRequirements(requests=requests, limits=limits)

    # Images

    def create_image_pod(self, name: str, run: base.ImageRun, engine: str,
                         deadline: int) -> client.V1Pod:
        """Return the pod of an execution.

        :param deadline: seconds until the cluster stops the pod.
        """
        spec = self._create_pod_spec(client.V1Container(
            name=pods.FUNCTION, image=run.image,
            command=list(run.command) or None,
            # A single dollar sign starts a variable.
            args=[argument.replace('$', '$$') for argument in run.args],
            resources=self._create_resources(
                run.cpu, run.memory_size, run.cpu, run.memory_size),
            termination_message_policy='File'))
        spec.restart_policy = 'Never'
        spec.active_deadline_seconds = deadline
        spec.termination_grace_period_seconds = run.timeout + GRACE_SECONDS
        return client.V1Pod(
            api_version='v1', kind='Pod',
            metadata=client.V1ObjectMeta(name=name, labels={
                **labels.MANAGED, labels.STATE: labels.IMAGE,
                labels.FUNCTION: run.function_id, labels.ENGINE: engine,
                **({labels.NETWORK: labels.OFFLINE} if run.offline else {})}),
            spec=spec)

    # Pools and images

    def _create_pod_spec(self, container: client.V1Container,
                         **directories: tuple[str, int]) -> client.V1PodSpec:
        """Return the specification of a pod without privileges.

        :param directories: path and MiB of writable directories, by name,
            beside /tmp.
        """
        options = self._options
        directories = {'tmp': ('/tmp', options.tmp_size), **directories}
        container.security_context = client.V1SecurityContext(
            allow_privilege_escalation=False, privileged=False,
            read_only_root_filesystem=True,
            capabilities=client.V1Capabilities(drop=['ALL']))
        container.volume_mounts = [
            client.V1VolumeMount(name=name, mount_path=path)
            for name, (path, _size) in directories.items()]
        return client.V1PodSpec(
            containers=[container],
            volumes=[_create_volume(name, size)
                     for name, (_path, size) in directories.items()],
            automount_service_account_token=False,
            enable_service_links=False,
            host_users=False if options.user_namespaces else None,
            security_context=client.V1PodSecurityContext(
                run_as_non_root=True, run_as_user=USER, run_as_group=USER,
                fs_group=USER, seccomp_profile=client.V1SeccompProfile(
                    type='RuntimeDefault')),
            runtime_class_name=options.runtime_class,
            priority_class_name=options.priority_class,
            node_selector=options.node_selector or None,
            image_pull_secrets=[
                client.V1LocalObjectReference(name=name)
                for name in options.image_pull_secrets] or None,
            tolerations=[
                client.V1Toleration(
                    key=f'node.kubernetes.io/{key}', operator='Exists',
                    effect='NoExecute',
                    toleration_seconds=UNREACHABLE_SECONDS)
                for key in ('not-ready', 'unreachable')])


def _compute_digest(spec: client.V1PodSpec) -> str:
    text = json.dumps(client.ApiClient().sanitize_for_serialization(spec),
                      sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _create_probe(period: int, failures: int) -> client.V1Probe:
    return client.V1Probe(
        tcp_socket=client.V1TCPSocketAction(port=pods.PORT),
        period_seconds=period, failure_threshold=failures, timeout_seconds=1)


def _create_field_variable(name: str, path: str) -> client.V1EnvVar:
    return client.V1EnvVar(name=name, value_from=client.V1EnvVarSource(
        field_ref=client.V1ObjectFieldSelector(field_path=path)))


def _create_volume(name: str, size: int) -> client.V1Volume:
    return client.V1Volume(name=name, empty_dir=client.V1EmptyDirVolumeSource(
        size_limit=f'{size}Mi'))
