# SPDX-License-Identifier: Apache-2.0
"""Options of the Kubernetes orchestrator."""

from oslo_config import cfg

GROUP = 'kubernetes'
GROUP_HELP = ('The Kubernetes orchestrator: workers are pods. Without '
              'kubeconfig and kube_host, the engine must run in the cluster '
              'and uses its service account.')

OPTS = [
    cfg.StrOpt(
        'kubeconfig',
        help='Path of a kubeconfig file that leads to the cluster.'),
    cfg.StrOpt(
        'context',
        help='Context of the kubeconfig file; not set, its current one.'),
    cfg.URIOpt(
        'kube_host', schemes=['http', 'https'],
        help='URL of the API server, for use without a kubeconfig file.'),
    cfg.BoolOpt(
        'use_api_certificate', default=True,
        help='Present the certificate of cert_file and key_file at '
             'kube_host, and trust the authority of ssl_ca_cert.'),
    cfg.StrOpt(
        'ssl_ca_cert', default='/etc/qinling/pki/kubernetes/ca.crt',
        help='Path of the certificates of the authority that has signed '
             'the certificate of kube_host, in PEM.'),
    cfg.StrOpt(
        'cert_file', default='/etc/qinling/pki/kubernetes/qinling.crt',
        help='Path of the client certificate for kube_host, in PEM.'),
    cfg.StrOpt(
        'key_file', default='/etc/qinling/pki/kubernetes/qinling.key',
        help='Path of the key of the client certificate, in PEM.'),
    cfg.StrOpt(
        'namespace', default='qinling',
        help='Namespace of the workers. It must exist, and nothing else '
             'should live in it.'),
    cfg.IntOpt(
        'replicas', default=3, min=1,
        help='Idle workers that are kept ready for each runtime.'),
    cfg.IntOpt(
        'max_workers', default=0, min=0,
        help='Workers of all runtimes that may serve functions at the same '
             'time; 0 for as many as the cluster takes.'),
    cfg.IntOpt(
        'ready_timeout', default=180, min=1,
        help='Seconds in which a new or changed pool must have a ready '
             'worker; a change is undone then.'),
    cfg.IntOpt(
        'claim_timeout', default=20, min=1,
        help='Seconds that an execution waits for a new worker when none '
             'is idle, before it tries again.'),
    cfg.IntOpt(
        'request_timeout', default=20, min=1,
        help='Seconds for one call of the API server.'),
    cfg.IntOpt(
        'engine_lease', default=40, min=2,
        help='Seconds after which other engines take over the workers of '
             'one that has given no sign of life; it gives one four times '
             'as often.'),
    cfg.IntOpt(
        'orphan_timeout', default=300, min=1,
        help='Seconds after which a worker whose engine is gone is '
             'destroyed, unless another engine has taken it over.'),
    cfg.StrOpt(
        'reach', default='pod', choices=[
            ('pod', 'by the address of the pod, for an engine in the '
                    'network of the cluster'),
            ('proxy', 'through the API server, which is slower, for an '
                      'engine elsewhere')],
        help='How the engine reaches workers.'),
    cfg.IntOpt(
        'idle_cpu', default=20, min=1,
        help='Thousandths of a core that an idle worker requests.'),
    cfg.IntOpt(
        'idle_memory', default=64, min=16,
        help='MiB of memory that an idle worker requests.'),
    cfg.IntOpt(
        'overhead_memory', default=64, min=32,
        help='MiB of memory that a worker needs beside what its function '
             'may use.'),
    cfg.StrOpt(
        'resize', default='auto', choices=[
            ('auto', 'fit the pod to its function when it is claimed, if '
                     'the cluster can resize pods'),
            ('off', 'let all pods have the size of the largest function')],
        help='Limits of a pod. The agent limits the memory of a function in '
             'any case.'),
    cfg.IntOpt(
        'tmp_size', default=64, min=1,
        help='MiB that a function may write to /tmp.'),
    cfg.IntOpt(
        'code_size', default=256, min=1,
        help='MiB for the unpacked package of a function and what it writes '
             'beside it.'),
    cfg.IntOpt(
        'max_package_size', default=128, min=1,
        help='MiB that the body of a call to a worker may have: a package '
             'as it was uploaded, or the input of an execution.'),
    cfg.IntOpt(
        'open_files', default=1024, min=64,
        help='Files that one process of a function may have open.'),
    cfg.IntOpt(
        'file_size', default=500, min=1,
        help='MiB that a file written by a function may have.'),
    cfg.IntOpt(
        'processes', default=128, min=1,
        help='Processes and threads that a function may have. In force with '
             'user_namespaces only: without, all workers of a node would be '
             'counted together; the kubelet has a limit for each pod '
             '(podPidsLimit).'),
    cfg.BoolOpt(
        'user_namespaces', default=False,
        help='Give each pod a user namespace of its own (hostUsers: false), '
             'which nodes must be able to.'),
    cfg.StrOpt(
        'untrusted_runtime_class',
        help='RuntimeClass for runtimes whose "trusted" is false, for '
             'instance one of gVisor or Kata Containers. Not set, their pods '
             'are only annotated.'),
    cfg.StrOpt(
        'runtime_class',
        help='RuntimeClass for all other workers and for image functions.'),
    cfg.ListOpt(
        'image_pull_secrets', default=[],
        help='Names of secrets in the namespace of the workers that pull '
             'images.'),
    cfg.DictOpt(
        'node_selector', default={},
        help='Labels that a node must have to get workers.'),
    cfg.StrOpt(
        'engine_namespace', default='qinling',
        help='Namespace of the engines: the network policy lets nothing else '
             'reach workers.'),
    cfg.DictOpt(
        'engine_labels',
        default={'app.kubernetes.io/name': 'qinling',
                 'app.kubernetes.io/component': 'engine'},
        help='Labels of the pods of engines.'),
    cfg.ListOpt(
        'engine_cidrs', default=[],
        help='Addresses, as CIDR, from which engines reach workers when '
             'they are not pods, or those of the API servers when they reach '
             'them by its proxy.'),
    cfg.BoolOpt(
        'allow_egress', default=True,
        help='Let functions use the network, but for blocked_cidrs.'),
    cfg.ListOpt(
        'blocked_cidrs', default=['169.254.0.0/16', 'fe80::/10'],
        help='Addresses, as CIDR, that functions must not reach. The '
             'default holds the metadata services of clouds; add the '
             'networks of your control plane.'),
]
