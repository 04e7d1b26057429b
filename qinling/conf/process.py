# SPDX-License-Identifier: Apache-2.0
"""Options of the process orchestrator."""

from oslo_config import cfg

GROUP = 'process'
GROUP_HELP = ('The process orchestrator: workers are sandboxed processes on '
              'the host.')

OPTS = [
    cfg.StrOpt(
        'isolation', default='auto', choices=[
            ('strict', 'refuse to start without any of: a sandbox of '
                       'namespaces, seccomp, and control groups for memory, '
                       'processes and CPU time'),
            ('auto', 'the best available: bubblewrap, else own namespaces, '
                     'else Landlock and seccomp alone, else no isolation, '
                     'with a warning'),
            ('none', 'plain child processes without protection, for '
                     'development only')],
        help='Isolation of workers from the host and from each other.'),
    cfg.BoolOpt(
        'allow_network', default=False,
        help='Let functions use the network of the host, including services '
             'on loopback addresses, unless a firewall rejects the '
             'connection: see etc/nftables. Otherwise a worker has only a '
             'private loopback device.'),
    cfg.IntOpt(
        'pool_size', default=3, min=1, max=1000,
        help='Number of idle workers in the pool of each runtime. A Python '
             'worker takes about 15 MiB of memory, a Node.js worker 25 '
             'MiB.'),
    cfg.IntOpt(
        'max_workers', default=64, min=1, max=1000,
        help='Maximum number of workers, idle and claimed, of all '
             'runtimes.'),
    cfg.IntOpt(
        'start_timeout', default=15, min=1, max=600,
        help='Seconds in which a worker must have started.'),
    cfg.StrOpt(
        'python', sample_default='<the interpreter of the service>',
        help='Path of the Python interpreter (3.9 or newer) of workers. '
             'Functions can read the whole installation, so the path must '
             'not be a virtual environment with secrets. By default the '
             'base interpreter of the service.'),
    cfg.StrOpt(
        'nodejs', sample_default='<node of the search path>',
        help='Path of Node.js (18 or newer) for workers of the runtime '
             'nodejs: the executable itself, not a script that starts '
             'Node.js. Beside the system directories, functions see no '
             'other part of the installation.'),
    cfg.IntOpt(
        'idle_cpu', default=1000, min=0,
        help='Thousandths of a core that a worker may use while the machine '
             'has idle processors, if the function has less. While '
             'processors are short, workers share them according to the cpu '
             'of their functions.'),
    cfg.IntOpt(
        'tmp_size', default=512, min=1,
        help='Maximum size of /tmp of a function in MiB; /dev/shm has the '
             'same size, but at most 64 MiB. Written files use memory of the '
             'host.'),
    cfg.IntOpt(
        'code_size', default=512, min=1,
        help='Maximum size of the unpacked package of a function, and of '
             'files that the function writes beside the package, in MiB. '
             'The files use memory of the host.'),
    cfg.IntOpt(
        'max_package_size', default=384, min=1,
        help='Maximum size of the body of a call to a worker in MiB: a '
             'package with its installed dependencies, or the input of an '
             'execution.'),
    cfg.IntOpt(
        'processes', default=128, min=1,
        help='Number of processes and threads of a worker. Not effective '
             'without isolation, where all processes of the same user would '
             'be counted together.'),
    cfg.IntOpt(
        'open_files', default=1024, min=64,
        help='Number of files that one process of a function may open.'),
    cfg.IntOpt(
        'file_size', default=500, min=1,
        help='Maximum size of a file that a function writes, in MiB.'),
    cfg.IntOpt(
        'first_uid', default=0x70000000, min=1, max=0x7b000000,
        help='Lowest user id of workers. If the service runs as root, each '
             'worker runs as a separate user, with an id in the 2^26 ids '
             'from this one on. No other users should have ids in the '
             'range.'),
    cfg.StrOpt(
        'cgroup', default='auto', choices=[
            ('auto', 'use control groups if the host permits'),
            ('off', 'only rlimits')],
        help='Limit memory, processes and CPU time of each worker by control '
             'groups.'),
]
