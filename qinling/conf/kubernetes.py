# SPDX-License-Identifier: Apache-2.0
"""Options of the Kubernetes orchestrator."""

from oslo_config import cfg

GROUP = 'kubernetes'
GROUP_HELP = ('The Kubernetes orchestrator: workers are pods. Without '
              'kubeconfig and kube_host, the engine must run in the cluster '
              'and uses the service account of the pod.')

OPTS = [
    cfg.StrOpt(
        'kubeconfig',
        help='Path of a kubeconfig file for the cluster.'),
    cfg.StrOpt(
        'context',
        help='Context of the kubeconfig file, by default the current '
             'context.'),
    cfg.URIOpt(
        'kube_host', schemes=['http', 'https'],
        help='URL of the API server, for use without a kubeconfig file.'),
    cfg.BoolOpt(
        'use_api_certificate', default=True,
        help='Authenticate at kube_host with cert_file and key_file, and '
             'trust the authority in ssl_ca_cert.'),
    cfg.StrOpt(
        'ssl_ca_cert', default='/etc/qinling/pki/kubernetes/ca.crt',
        help='Path of the certificates of the authority for the certificate '
             'of kube_host, in PEM.'),
    cfg.StrOpt(
        'cert_file', default='/etc/qinling/pki/kubernetes/qinling.crt',
        help='Path of the client certificate for kube_host, in PEM.'),
    cfg.StrOpt(
        'key_file', default='/etc/qinling/pki/kubernetes/qinling.key',
        help='Path of the key of the client certificate, in PEM.'),
    cfg.StrOpt(
        'namespace', default='qinling',
        help='Namespace of the workers. The namespace must exist, and '
             'should contain no other objects.'),
    cfg.IntOpt(
        'replicas', default=3, min=1,
        help='Number of idle workers in the pool of each runtime.'),
    cfg.IntOpt(
        'max_replicas', default=12, min=0,
        help='Number of idle workers up to which a pool grows while workers '
             'are claimed faster than the cluster replaces them. A minute '
             'later, the pool has the size of replicas again. A number that '
             'does not exceed replicas keeps the size of all pools.'),
    cfg.IntOpt(
        'max_workers', default=0, min=0,
        help='Maximum number of claimed workers of all runtimes; 0 for no '
             'limit except the capacity of the cluster.'),
    cfg.IntOpt(
        'ready_timeout', default=180, min=1,
        help='Seconds in which a new or changed pool must have a ready '
             'worker; a change is reverted then.'),
    cfg.IntOpt(
        'claim_timeout', default=20, min=1,
        help='Seconds that an execution waits for a new worker when no '
             'worker is idle, before the next try.'),
    cfg.IntOpt(
        'request_timeout', default=20, min=1,
        help='Timeout of one call of the API server in seconds.'),
    cfg.IntOpt(
        'engine_lease', default=10, min=2,
        help='Seconds without a heartbeat after which other engines take '
             'over the workers of an engine. Engines send heartbeats four '
             'times as often.'),
    cfg.IntOpt(
        'orphan_timeout', default=300, min=1,
        help='Seconds after which a worker without an engine is destroyed, '
             'unless another engine has taken over the worker.'),
    cfg.StrOpt(
        'reach', default='pod', choices=[
            ('pod', 'by the address of the pod, for an engine in the '
                    'network of the cluster'),
            ('proxy', 'through the API server, which is slower, for an '
                      'engine outside of the network')],
        help='Transport between engine and workers.'),
    cfg.IntOpt(
        'idle_cpu', default=10, min=1,
        help='CPU request of an idle worker in thousandths of a core. A '
             'worker of a function that was idle for a minute requests as '
             'little, until its next execution.'),
    cfg.IntOpt(
        'idle_memory', default=48, min=16,
        help='Memory request of an idle worker in MiB, as for idle_cpu.'),
    cfg.IntOpt(
        'overhead_memory', default=64, min=32,
        help='Memory of a worker in MiB, in addition to the memory limit of '
             'the function.'),
    cfg.StrOpt(
        'resize', default='auto', choices=[
            ('auto', 'resize the pod for the function at the claim, if the '
                     'cluster can resize pods'),
            ('off', 'create all pods with the size of the largest '
                    'function')],
        help='Limits of a pod. The agent always limits the memory of a '
             'function.'),
    cfg.IntOpt(
        'tmp_size', default=64, min=1,
        help='Size of /tmp of a function in MiB.'),
    cfg.IntOpt(
        'code_size', default=256, min=1,
        help='Maximum size of the unpacked package of a function, and of '
             'files that the function writes beside the package, in MiB.'),
    cfg.IntOpt(
        'max_package_size', default=128, min=1,
        help='Maximum size of the body of a call to a worker in MiB: an '
             'uploaded package, or the input of an execution.'),
    cfg.IntOpt(
        'open_files', default=1024, min=64,
        help='Number of files that one process of a function may open.'),
    cfg.IntOpt(
        'file_size', default=500, min=1,
        help='Maximum size of a file that a function writes, in MiB.'),
    cfg.IntOpt(
        'processes', default=128, min=1,
        help='Number of processes and threads of a function. Effective only '
             'with user_namespaces: without user namespaces, all workers of '
             'a node would be counted together. The kubelet has a limit for '
             'each pod (podPidsLimit).'),
    cfg.BoolOpt(
        'user_namespaces', default=False,
        help='Run each pod in a user namespace (hostUsers: false). Nodes '
             'must support user namespaces.'),
    cfg.StrOpt(
        'untrusted_runtime_class',
        help='RuntimeClass for runtimes whose "trusted" is false, for '
             'instance of gVisor or Kata Containers. By default such pods '
             'only get an annotation.'),
    cfg.StrOpt(
        'runtime_class',
        help='RuntimeClass for all other workers and for image functions.'),
    cfg.ListOpt(
        'image_pull_secrets', default=[],
        help='Names of secrets in the namespace of the workers that pull '
             'images.'),
    cfg.DictOpt(
        'node_selector', default={},
        help='Labels of the nodes that run workers.'),
    cfg.StrOpt(
        'priority_class',
        help='PriorityClass of the pods of functions, which should be lower '
             'than that of other pods.'),
    cfg.StrOpt(
        'engine_namespace', default='qinling',
        help='Namespace of the engines, the only clients of workers that '
             'the network policy permits.'),
    cfg.DictOpt(
        'engine_labels',
        default={'app.kubernetes.io/name': 'qinling',
                 'app.kubernetes.io/component': 'engine'},
        help='Labels of the pods of engines.'),
    cfg.ListOpt(
        'engine_cidrs', default=[],
        help='Addresses or networks of engines that are not pods, or of the '
             'API servers with reach = proxy.'),
    cfg.BoolOpt(
        'allow_egress', default=False,
        help='Let functions reach the Internet: all addresses except private, '
             'shared, link-local, multicast and reserved networks, '
             'blocked_cidrs, and the addresses of the API server, of the '
             'database, the message bus, Keystone and S3 in this '
             'configuration. Without it, functions reach the name service, '
             'egress_cidrs and runtime_egress only.'),
    cfg.ListOpt(
        'blocked_cidrs', default=[],
        help='Addresses, as CIDR, that functions must not reach in spite of '
             'allow_egress: public addresses of nodes, pods, Services and of '
             'your control plane.'),
    cfg.ListOpt(
        'egress_cidrs', default=[],
        help='Destinations that all functions may reach, as CIDR or '
             'CIDR:port, for instance 10.0.0.5/32:5432 or '
             '[fd00::5/128]:5432. These destinations have precedence over '
             'all blocked addresses.'),
    cfg.MultiStrOpt(
        'runtime_egress', default=[],
        help='Destinations that the functions of one runtime may reach: the '
             'id of the runtime and destinations like egress_cidrs, '
             'separated by spaces. Give the option once for each runtime.'),
    cfg.StrOpt(
        'network_policy_probe', default='report', choices=[
            ('report', 'probe in the background, and report the result'),
            ('require', 'refuse to run functions unless the cluster '
                        'enforces the policies'),
            ('off', 'do not probe')],
        help='Probe of the enforcement of network policies by the cluster, '
             'once in each engine, when its first runtime is available.'),
]
