# SPDX-License-Identifier: Apache-2.0
"""Statuses of the resources, and the legal moves between statuses.

Only :func:`qinling.db.crud.change_status` changes a status, and refuses every
move missing from :data:`MOVES`.
"""

import enum


class RuntimeStatus(str, enum.Enum):
    """State of the pool of a runtime."""

    #: The orchestrator creates the pool; nothing can run yet.
    CREATING = 'creating'
    #: The pool serves executions.
    AVAILABLE = 'available'
    #: The orchestrator replaces the image of the pool.
    UPGRADING = 'upgrading'
    #: The pool could not be created; an operator deletes the runtime.
    ERROR = 'error'
    #: The orchestrator destroys the pool, then the row is deleted.
    DELETING = 'deleting'


#: Statuses of a runtime whose functions run.  While a pool changes, the old
#: pool serves; a runtime that is created for versions serves when ready.
SERVING_RUNTIMES = (RuntimeStatus.AVAILABLE, RuntimeStatus.UPGRADING,
                    RuntimeStatus.CREATING)
#: Statuses of a runtime that new functions may use.
USABLE_RUNTIMES = (RuntimeStatus.AVAILABLE, RuntimeStatus.UPGRADING)


class ExecutionStatus(str, enum.Enum):
    """Progress of an execution."""

    #: Accepted: waits for a worker or runs on a worker.
    RUNNING = 'running'
    #: The function returned.
    SUCCESS = 'success'
    #: The function raised an error or exceeded a limit.
    FAILED = 'failed'
    #: The platform could not run the function.
    ERROR = 'error'
    #: A user cancelled the execution.
    CANCELLED = 'cancelled'


class ExecutionReason(str, enum.Enum):
    """Machine-readable cause of an execution that did not succeed."""

    #: The function raised an exception.
    USER_ERROR = 'user_error'
    #: The code could not be imported, or has no such entry.
    LOAD_ERROR = 'load_error'
    #: The function ran longer than its timeout.
    TIMEOUT = 'timeout'
    #: The process of the function ended before the function returned.
    CRASHED = 'crashed'
    #: The function used more memory than its limit.
    OUT_OF_MEMORY = 'out_of_memory'
    #: The function started more processes or threads than its limit.
    OUT_OF_PROCESSES = 'out_of_processes'
    #: The result exceeds the largest result that is stored.
    OUTPUT_TOO_LARGE = 'output_too_large'
    #: The result is not JSON.
    INVALID_OUTPUT = 'invalid_output'
    #: The result does not fit the ``output_schema`` of the function.
    OUTPUT_REFUSED = 'output_refused'
    #: A user cancelled the execution.
    CANCELLED = 'cancelled'
    #: Another execution with the same key runs instead.
    SUPERSEDED = 'superseded'
    #: The execution did not start within ``max_age``.
    EXPIRED = 'expired'
    #: The dependencies are not installed.
    DEPENDENCIES = 'dependencies'
    #: Keystone gave no token for the trust of the function.
    NO_TOKEN = 'no_token'
    #: No worker was free before the queue timeout.
    NO_WORKER = 'no_worker'
    #: The worker died for a cause outside the function.
    WORKER_LOST = 'worker_lost'
    #: No engine claimed the execution, or the claiming engine died.
    ENGINE_LOST = 'engine_lost'
    #: The service stopped.
    STOPPED = 'stopped'
    #: Any other fault of the platform.
    PLATFORM = 'platform'


#: Reasons of failures that say nothing about the code of a function.
FOREIGN_REASONS = frozenset(ExecutionReason[name].value for name in (
    'CANCELLED', 'SUPERSEDED', 'EXPIRED', 'NO_TOKEN', 'NO_WORKER',
    'WORKER_LOST', 'ENGINE_LOST', 'STOPPED', 'PLATFORM'))


class Trigger(str, enum.Enum):
    """What created an execution."""

    #: A request for one execution, or for a batch.
    API = 'api'
    #: A fire time of a job.
    JOB = 'job'
    #: A delivery to a webhook.
    WEBHOOK = 'webhook'
    #: The failure of another execution.
    ON_FAILURE = 'on_failure'
    #: A request to repeat an execution.
    RERUN = 'rerun'
    #: A comparison of a version with recorded executions.
    REPLAY = 'replay'
    #: Events of an event source.
    EVENT_SOURCE = 'event_source'
    #: A request to run the payload of a dead letter.
    REDRIVE = 'redrive'


class JobStatus(str, enum.Enum):
    """State of a job."""

    RUNNING = 'running'
    PAUSED = 'paused'
    CANCELLED = 'cancelled'
    #: The job fired as often as its count allows.
    DONE = 'done'


class BuildStatus(str, enum.Enum):
    """Progress of the installation of dependencies."""

    #: An engine installs the dependencies.
    BUILDING = 'building'
    #: The storage has the installed dependencies.
    READY = 'ready'
    #: The installation failed; only a user starts another one.
    FAILED = 'failed'


class RolloutStatus(str, enum.Enum):
    """Progress of a rollout."""

    #: Engines take the steps.
    RUNNING = 'running'
    #: The weights stay until a user decides.
    PAUSED = 'paused'
    #: The alias points at the new version.
    SUCCEEDED = 'succeeded'
    #: A guard did not hold, so the alias points at the old version.
    ROLLED_BACK = 'rolled_back'
    #: A user ended the rollout; the alias points at the old version.
    ABORTED = 'aborted'
    #: A user moved the alias meanwhile.
    SUPERSEDED = 'superseded'


class OperationStatus(str, enum.Enum):
    """Progress of an operation on many executions."""

    #: Engines work on the executions.
    RUNNING = 'running'
    #: The remaining executions wait until a user decides.
    PAUSED = 'paused'
    #: No execution is left.
    DONE = 'done'
    #: A user ended the operation; the remaining executions stay.
    CANCELLED = 'cancelled'


class OperationAction(str, enum.Enum):
    """What an operation does with each execution."""

    RERUN = 'rerun'
    CANCEL = 'cancel'
    DELETE = 'delete'
    #: Run the input on another version, and compare the results.
    REPLAY = 'replay'


class VersionState(str, enum.Enum):
    """What still uses a version; computed, never stored."""

    #: An alias, a job, a webhook or provisioned workers refer to the version.
    ACTIVE = 'active'
    #: Only executions without an end need the version.
    DRAINING = 'draining'
    #: Nothing uses the version.
    DRAINED = 'drained'


class BudgetLevel(enum.IntEnum):
    """How much of its budget a project has spent in a month."""

    OK = 0
    #: The share that causes a warning is reached.
    WARNING = 1
    #: The budget is used up.
    EXCEEDED = 2


class OnExceeded(str, enum.Enum):
    """What happens to further executions when a budget is used up."""

    #: They run.
    WARN = 'warn'
    #: They are refused until the next month.
    REFUSE = 'refuse'


class FireStatus(str, enum.Enum):
    """What became of a fire time of a job."""

    #: It is in the future; computed, never stored.
    PLANNED = 'planned'
    #: It has an execution.
    FIRED = 'fired'
    #: It passed without an engine, and the misfire policy skips it.
    SKIPPED = 'skipped'
    #: A quota or a missing target refused the execution.
    REFUSED = 'refused'
    #: The job was paused.
    PAUSED = 'paused'
    #: It has an execution by a backfill.
    BACKFILLED = 'backfilled'
    #: It waits for the end of the execution of an earlier time.
    QUEUED = 'queued'
    #: The job excludes its day.
    EXCLUDED = 'excluded'


class Overlap(str, enum.Enum):
    """Policy of a job whose fire time comes during an earlier execution."""

    #: Run both.
    ALLOW = 'allow'
    SKIP = 'skip'
    #: Queue one fire time, and skip further ones.
    QUEUE_ONE = 'queue_one'
    QUEUE_ALL = 'queue_all'
    #: Cancel the earlier executions.
    CANCEL_OTHER = 'cancel_other'


class Misfire(str, enum.Enum):
    """Policy of a job for fire times that passed without an engine."""

    #: Skip all of them.
    SKIP = 'skip'
    #: Fire once for all of them.
    ONCE = 'once'
    #: Fire for each of them.
    ALL = 'all'


#: Statuses of a job that still needs its function.
LIVE_JOBS = (JobStatus.RUNNING.value, JobStatus.PAUSED.value)

#: Statuses of a rollout that has not ended.
LIVE_ROLLOUTS = (RolloutStatus.RUNNING.value, RolloutStatus.PAUSED.value)

#: Statuses of an operation that has not ended.
LIVE_OPERATIONS = (OperationStatus.RUNNING.value,
                   OperationStatus.PAUSED.value)

#: Model name -> {new status: statuses before the move}.
MOVES: dict[str, dict[str, tuple[str, ...]]] = {
    'Runtime': {
        'available': ('creating', 'upgrading'),
        'upgrading': ('available',),
        'error': ('creating', 'upgrading'),
        'deleting': ('creating', 'available', 'upgrading', 'error',
                     'deleting'),
    },
    'Execution': {
        'success': ('running',), 'failed': ('running',),
        'error': ('running',), 'cancelled': ('running',),
    },
    'Job': {
        'running': ('running', 'paused'),
        'paused': ('running', 'paused'),
        'cancelled': ('running', 'paused'),
        'done': ('running', 'paused'),
    },
    'Rollout': {
        'running': ('running', 'paused'),
        'paused': ('running',),
        'succeeded': ('running', 'paused'),
        'rolled_back': ('running',),
        'aborted': ('running', 'paused'),
        'superseded': ('running', 'paused'),
    },
    'Operation': {
        'running': ('paused',),
        'paused': ('running',),
        'done': ('running',),
        'cancelled': ('running', 'paused'),
    },
    'EventSource': {'running': ('paused',), 'paused': ('running',)},
    'Build': {'ready': ('building',), 'failed': ('building',)},
}
