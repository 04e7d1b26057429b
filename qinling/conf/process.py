# SPDX-License-Identifier: Apache-2.0
"""Options of the process orchestrator."""

from oslo_config import cfg

GROUP = 'process'
GROUP_HELP = ('The process orchestrator: workers are sandboxed processes on '
              'this machine.')

OPTS = [
    cfg.StrOpt(
        'isolation', default='auto', choices=[
            ('strict', 'refuse to start without any of: a sandbox of '
                       'namespaces, seccomp, and control groups for memory, '
                       'processes and CPU time'),
            ('auto', 'the best that works here: bubblewrap, else namespaces '
                     'of our own, else Landlock and seccomp alone, else '
                     'none, with a warning'),
            ('none', 'plain child processes without protection, for '
                     'development only')],
        help='How workers are kept apart from this machine and from each '
             'other.'),
    cfg.BoolOpt(
        'allow_network', default=False,
        help='Let functions use the network of this machine, also what '
             'listens on its loopback addresses, unless a firewall refuses '
             'it: see etc/nftables. Otherwise a worker has nothing but a '
             'loopback device of its own.'),
    cfg.IntOpt(
        'pool_size', default=3, min=1, max=1000,
        help='Idle workers that are kept ready for each runtime. One takes '
             'about 15 MiB of memory, one of Node.js 25 MiB.'),
    cfg.IntOpt(
        'max_workers', default=64, min=1, max=1000,
        help='Workers that may exist at the same time, idle and claimed '
             'ones of all runtimes together.'),
    cfg.IntOpt(
        'start_timeout', default=15, min=1, max=600,
        help='Seconds in which a worker must have started.'),
    cfg.StrOpt(
        'python', sample_default='<the interpreter of the service>',
        help='Path of the Python interpreter (3.9 or newer) that workers '
             'use. Its whole installation is visible to functions, so it '
             'must not be a virtual environment with secrets in it; not '
             'set, it is the interpreter below the one of the service.'),
    cfg.StrOpt(
        'nodejs', sample_default='<node of the search path>',
        help='Path of the Node.js (18 or newer) that workers of the runtime '
             'nodejs use: the program itself, not a script that starts it. '
             'Beside the system directories, functions see nothing else of '
             'its installation.'),
    cfg.IntOpt(
        'tmp_size', default=64, min=1,
        help='MiB that a function may write to /tmp, and the same again to '
             '/dev/shm. It is memory of the machine.'),
    cfg.IntOpt(
        'code_size', default=256, min=1,
        help='MiB of a worker for the unpacked package of its function and '
             'what the function writes beside it. It is memory of the '
             'machine.'),
    cfg.IntOpt(
        'max_package_size', default=128, min=1,
        help='MiB that the body of a call to a worker may have: a package '
             'as it was uploaded, or the input of an execution.'),
    cfg.IntOpt(
        'processes', default=128, min=1,
        help='Processes and threads that a worker may have. Not in force '
             'without isolation, where they would be counted together with '
             'all others of the same user.'),
    cfg.IntOpt(
        'open_files', default=1024, min=64,
        help='Files that one process of a function may have open.'),
    cfg.IntOpt(
        'file_size', default=500, min=1,
        help='MiB that a file written by a function may have.'),
    cfg.IntOpt(
        'first_uid', default=0x70000000, min=1, max=0x7b000000,
        help='When the service runs as root, each worker runs as a user of '
             'its own: a number between this one and 2^26 more. The default '
             'is a range that nothing else uses.'),
    cfg.StrOpt(
        'cgroup', default='auto', choices=[
            ('auto', 'use them where this machine lets us'),
            ('off', 'only rlimits')],
        help='Limit memory, processes and CPU time of each worker by control '
             'groups.'),
]
