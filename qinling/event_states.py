# SPDX-License-Identifier: Apache-2.0
"""States of event sources."""

import enum


class EventSourceStatus(str, enum.Enum):
    """What users want of an event source."""

    #: An engine reads the events.
    RUNNING = 'running'
    #: The events wait in the source.
    PAUSED = 'paused'


class EventSourceState(str, enum.Enum):
    """What the engine of an event source reports."""

    #: No engine reads the source, or it is about to connect.
    WAITING = 'waiting'
    #: An engine is connected.
    CONNECTED = 'connected'
    #: An engine tries again; ``state_reason`` is the error.
    ERROR = 'error'
