# SPDX-License-Identifier: Apache-2.0
"""Options of the engine."""

from oslo_config import cfg

GROUP = 'engine'
GROUP_HELP = 'The engine: it runs executions on workers.'

OPTS = [
    cfg.StrOpt(
        'topic', default='qinling_engine',
        help='Message bus topic that engines listen on.'),
    cfg.StrOpt(
        'orchestrator', default='process',
        help='Where workers live: "process" for sandboxed processes on this '
             'machine, "kubernetes" for pods, or the name of a driver that a '
             'package registers as entry point in the group '
             'qinling.orchestrators.'),
    cfg.IntOpt(
        'function_concurrency', default=3, min=1,
        help='Executions that one worker serves at the same time.'),
    cfg.IntOpt(
        'function_service_expiration', default=3600, min=1, mutable=True,
        help='Seconds after which a worker without executions is '
             'destroyed.'),
    cfg.IntOpt(
        'threads', default=64, min=1,
        help='Asynchronous executions that one engine process works on at '
             'the same time, and as many synchronous ones that come by the '
             'message bus; more asynchronous ones wait in its queue, more '
             'synchronous ones are refused with 503. One function may hold '
             'up to twice as many of either as are free, and one project '
             'three times as many.'),
    cfg.IntOpt(
        'workers', default=1, min=1,
        help='Processes of one qinling-engine, each of them an engine by '
             'itself. With more than one, those that die are started '
             'again.'),
    cfg.IntOpt(
        'queue_timeout', default=30, min=1, mutable=True,
        help='Seconds that an execution waits for a free worker before it '
             'ends in status error.'),
    cfg.IntOpt(
        'lease', default=60, min=3,
        help='Seconds for which an engine owns an execution without a sign '
             'of life. An engine renews its leases three times as often.'),
    cfg.IntOpt(
        'sweep_interval', default=10, min=1,
        help='Seconds between two sweeps for executions whose message was '
             'lost or whose engine died.'),
    cfg.IntOpt(
        'max_attempts', default=3, min=1, mutable=True,
        help='How often an asynchronous execution is begun when engines die '
             'while they hold it.'),
    cfg.IntOpt(
        'misfire_grace', default=60, min=1, mutable=True,
        help='Seconds that a tick of a job may be late before it counts as '
             'missed; a job with the misfire policy "skip" leaves it out.'),
    cfg.IntOpt(
        'execution_retention', default=0, min=0, mutable=True,
        help='Seconds after its end when an execution is removed; 0 keeps '
             'all of them.'),
    cfg.IntOpt(
        'stop_timeout', default=5, min=0, mutable=True,
        help='Seconds that a stopping engine lets running executions go on; '
             'then synchronous ones end in status error and asynchronous '
             'ones are left to another engine or the next start.'),
    cfg.IntOpt(
        'max_log_size', default=1024 * 1024, min=1024, mutable=True,
        help='Bytes of output kept as the log of an execution; the log says '
             'how much more there was.'),
    cfg.IntOpt(
        'max_result_size', default=6 * 1024 * 1024, min=1024, mutable=True,
        help='Bytes of JSON that a function may return.'),
]
