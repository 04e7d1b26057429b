# SPDX-License-Identifier: Apache-2.0
"""Options of the engine."""

from oslo_config import cfg

GROUP = 'engine'
GROUP_HELP = 'The engine, which runs executions on workers.'

OPTS = [
    cfg.StrOpt(
        'topic', default='qinling_engine',
        help='Message bus topic that engines listen on.'),
    cfg.StrOpt(
        'orchestrator', default='process',
        help='Orchestrator of workers: "process" for sandboxed processes on '
             'the host, "kubernetes" for pods, or the name of a driver in '
             'the entry point group qinling.orchestrators.'),
    cfg.MultiStrOpt(
        'default_runtimes', default=[],
        help='Runtime that the engine creates at its start, for all '
             'projects: a name and an image, separated by a space. Give the '
             'option once for each runtime. A runtime that exists stays as '
             'it is, also if its image differs; a deleted runtime returns at '
             'the next start.'),
    cfg.IntOpt(
        'function_concurrency', default=3, min=1,
        help='Number of concurrent executions of one worker.'),
    cfg.IntOpt(
        'function_service_expiration', default=3600, min=1, mutable=True,
        help='Seconds without executions after which a worker is '
             'destroyed. While idle workers have to give way to others, the '
             'time shrinks down to a minute.'),
    cfg.IntOpt(
        'threads', default=64, min=1,
        help='Number of concurrent asynchronous executions of one engine '
             'process, and of concurrent synchronous executions from the '
             'message bus. Further asynchronous executions wait in the queue '
             'of the engine; further synchronous executions get status 503. '
             'One function may occupy up to twice the number of free '
             'threads of either kind, and one project three times the '
             'number.'),
    cfg.IntOpt(
        'workers', default=1, min=1,
        help='Number of processes of one qinling-engine; each process is an '
             'engine. With more than one process, dead processes are '
             'restarted.'),
    cfg.IntOpt(
        'queue_size', default=64, min=1,
        help='MiB of memory for the queued asynchronous executions of one '
             'engine process. Further executions wait in the database, and '
             'are queued when fewer than 300 executions are left here.'),
    cfg.IntOpt(
        'queue_timeout', default=30, min=1, mutable=True,
        help='Seconds that an execution waits for a free worker, before the '
             'execution ends in status error.'),
    cfg.IntOpt(
        'import_timeout', default=60, min=1, mutable=True,
        help='Seconds in which a worker must have loaded the package of a '
             'function with its dependencies, and again seconds in which the '
             'worker must have imported the module. Neither counts for the '
             'timeout of the function.'),
    cfg.IntOpt(
        'lease', default=60, min=3,
        help='Seconds for which an engine owns an execution without a '
             'renewal. Engines renew their leases three times as often.'),
    cfg.IntOpt(
        'sweep_interval', default=10, min=1,
        help='Seconds between two sweeps for executions with a lost message '
             'or a dead engine.'),
    cfg.IntOpt(
        'max_attempts', default=3, min=1, mutable=True,
        help='Maximum number of starts of an asynchronous execution whose '
             'engines die.'),
    cfg.IntOpt(
        'misfire_grace', default=60, min=1, mutable=True,
        help='Seconds after which a late fire time of a job counts as '
             'missed; jobs with the misfire policy "skip" omit missed fire '
             'times.'),
    cfg.IntOpt(
        'execution_retention', default=0, min=0, mutable=True,
        help='Seconds after the end until an execution is deleted; 0 '
             'deletes no executions.'),
    cfg.IntOpt(
        'stop_timeout', default=5, min=0, mutable=True,
        help='Seconds that a stopping engine waits for running executions. '
             'Then synchronous executions end in status error, and '
             'asynchronous executions wait for another engine or the next '
             'start.'),
    cfg.IntOpt(
        'max_log_size', default=1024 * 1024, min=1024, mutable=True,
        help='Maximum size of the log of an execution in bytes; a truncated '
             'log states the size of the rest.'),
    cfg.IntOpt(
        'max_result_size', default=6 * 1024 * 1024, min=1024, mutable=True,
        help='Maximum size of the returned JSON of a function in bytes.'),
]
