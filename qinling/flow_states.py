# SPDX-License-Identifier: Apache-2.0
"""Statuses and choices of the flow control of executions."""

import enum


class FlowStatus(str, enum.Enum):
    """State of an execution in the line of its key."""

    #: Waits for the executions before, or for a time.
    WAITING = 'waiting'
    #: May run, and counts as one of the concurrent executions of the key.
    RUNNING = 'running'
    #: Has ended, and counts for the rate of the key.
    ENDED = 'ended'


class Singleton(str, enum.Enum):
    """Which of two executions with the same key runs."""

    #: The running one; the later one is cancelled.
    OLDEST = 'oldest'
    #: The later one; the running one is cancelled.
    NEWEST = 'newest'


class FlowWait(str, enum.Enum):
    """What an execution in a line waits for."""

    CONCURRENCY = 'concurrency'
    RATE = 'rate'
    DEBOUNCE = 'debounce'
    #: The time at which a backfill starts the execution.
    START = 'start'
