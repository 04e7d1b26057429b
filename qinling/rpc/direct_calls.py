# SPDX-License-Identifier: Apache-2.0
"""Calls of an API to engines that it reaches directly."""

from qinling.core import engine_client
from qinling.core.execution import outcomes
from qinling.core.execution import records
from qinling.core import targets
from qinling import exception
from qinling.rpc import channel
from qinling.rpc import forms
from qinling.rpc import router
from qinling.rpc import verbs

#: Engines to ask for room before any engine may queue an execution.
MAX_ASKED = 2


def run(chooser: router.Router, message: records.ExecutionMessage,
        target: targets.Target) -> outcomes.Ended | None:
    """Run an execution on the best engine that is reached.

    :raises RowNeeded: no engine could be reached directly.
    """
    refusal = None
    request = forms.encode_run(message, target)
    for engine in chooser.choose(target):
        try:
            return forms.decode_end(
                engine.channel.exchange(request, 'run'))
        except channel.Silent:
            # The engine may start later, unless the row is claimed.
            chooser.give_up(engine)
            break
        except exception.OrchestratorUnavailable as e:
            # Another engine may have a worker of the function.
            refusal = e
        except verbs.NotAnswered as e:
            if not isinstance(e, channel.Busy):
                chooser.give_up(engine)
        except engine_client.EngineLost:
            chooser.give_up(engine)
            raise
    if refusal is not None:
        raise refusal
    raise engine_client.RowNeeded()


def start(chooser: router.Router, message: records.ExecutionMessage,
          target: targets.Target) -> bool:
    """Return whether an engine has queued an execution."""
    try:
        engines = chooser.prefer(target)[:MAX_ASKED]
    except exception.Unavailable:
        return False
    request = forms.encode_call('start_if_room', {
        'message': forms.encode_message(message),
        'target': forms.encode_target(target)})
    for engine in engines:
        try:
            engine.channel.exchange(request, 'start')
        except channel.Busy:
            continue
        except (exception.Unavailable, engine_client.EngineLost):
            # Another engine may queue it, too: only one will run it.
            chooser.give_up(engine)
            return False
        return True
    return False
