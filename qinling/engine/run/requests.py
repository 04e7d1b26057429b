# SPDX-License-Identifier: Apache-2.0
"""Requests to agents: what a worker receives for one execution."""

import dataclasses
import typing

from qinling.core.execution import inputs
from qinling.core.execution import records
from qinling.core import targets

#: Additions to the context of a function.
_REPLAY_CONTEXT, _NO_CONTEXT = {'replay': True}, dict[str, bool]()


@dataclasses.dataclass(frozen=True)
class InvokeRequest:
    """What an agent receives for one execution.

    See :mod:`qinling.runtimes.agent` for the protocol.
    """

    execution_id: str
    args: list[typing.Any]
    kwargs: dict[str, typing.Any]
    context: dict[str, typing.Any]
    timeout: int

    def payload(self, traceparent: str | None) -> dict[str, typing.Any]:
        """Return the JSON object for the agent."""
        return dict(vars(self),
                    context=dict(self.context, traceparent=traceparent))


def create_request(message: records.ExecutionMessage, target: targets.Target,
                   traceparent: str | None) -> InvokeRequest:
    """Return the request of an execution."""
    args, kwargs = inputs.arguments(message.input)
    replay = _REPLAY_CONTEXT if message.is_replay else _NO_CONTEXT
    return InvokeRequest(message.id, args, kwargs, {
        'execution_id': message.id, 'function_id': target.function_id,
        'function_version': target.version,
        'project_id': target.project_id,
        'request_id': message.trace.request_id,
        'traceparent': traceparent, **replay}, target.timeout)
