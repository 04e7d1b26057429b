# SPDX-License-Identifier: Apache-2.0
"""The statuses that a thing can have, and the moves between them.

A status changes only through :func:`qinling.db.query.move`, which refuses
whatever is not written here.
"""

import enum


class RuntimeStatus(str, enum.Enum):
    """Where the pool of a runtime stands."""

    #: The pool is being made; nothing can run yet.
    CREATING = 'creating'
    #: The pool serves.
    AVAILABLE = 'available'
    #: The pool is being brought to another image.
    UPGRADING = 'upgrading'
    #: The pool could not be made; the operator deletes the runtime.
    ERROR = 'error'
    #: The pool is being destroyed; the row goes with it.
    DELETING = 'deleting'


class ExecutionStatus(str, enum.Enum):
    """How far an execution has come."""

    #: Accepted; waits for a worker, or runs on one.
    RUNNING = 'running'
    #: The function returned.
    SUCCESS = 'success'
    #: The function raised, took too long or too much.
    FAILED = 'failed'
    #: The platform was at fault.
    ERROR = 'error'
    #: A user ended it.
    CANCELLED = 'cancelled'


class JobStatus(str, enum.Enum):
    """Whether a job fires."""

    RUNNING = 'running'
    PAUSED = 'paused'
    CANCELLED = 'cancelled'
    #: It fired as often as it was to.
    DONE = 'done'


class BuildStatus(str, enum.Enum):
    """How far the installation of dependencies has come."""

    #: Some engine is at it.
    BUILDING = 'building'
    #: What was installed is stored.
    READY = 'ready'
    #: It could not be installed, and is not tried again unasked.
    FAILED = 'failed'


class Misfire(str, enum.Enum):
    """What a job does about ticks that nobody could fire in time."""

    #: Nothing; it goes on with the next tick.
    SKIP = 'skip'
    #: It fires once for all of them.
    ONCE = 'once'
    #: It fires for each of them.
    ALL = 'all'


#: A job in one of these still needs its function.
LIVE_JOBS = (JobStatus.RUNNING.value, JobStatus.PAUSED.value)

#: noun -> {new status: the statuses that it may come from}
MOVES = {
    'Runtime': {
        'available': ('creating', 'upgrading'),
        'upgrading': ('available',),
        'error': ('creating', 'upgrading'),
        'deleting': ('creating', 'available', 'upgrading', 'error',
                     'deleting'),
    },
    'Execution': {
        'success': ('running',),
        'failed': ('running',),
        'error': ('running',),
        'cancelled': ('running',),
    },
    'Job': {
        'running': ('running', 'paused'),
        'paused': ('running', 'paused'),
        'cancelled': ('running', 'paused'),
        'done': ('running', 'paused'),
    },
    'Build': {
        'ready': ('building',),
        'failed': ('building',),
    },
}
