# SPDX-License-Identifier: Apache-2.0
"""Explanations of flow controls: what they say, and what they would do."""

from collections.abc import Iterator
import typing

from qinling import context
from qinling.core.execution import flow_keys
from qinling.core.execution import flow_queue
from qinling.core.execution import records
from qinling.core.trigger import base
from qinling.db import models
from qinling.db import session
from qinling.flow_states import Singleton
from qinling.states import ExecutionStatus

_Settings = dict[str, typing.Any]


def describe(settings: _Settings | None) -> list[str]:
    """Return a sentence about a flow control, none without one."""
    if settings is None:
        return []
    key = settings.get('key')
    return [f'Flow control{f" for each {key}" if key else ""}: '
            f'{"; ".join(_describe_limits(settings))}.']


def _describe_limits(settings: _Settings) -> Iterator[str]:
    if 'concurrency' in settings:
        yield f'at most {settings["concurrency"]} at a time'
    if 'rate' in settings:
        rate = settings['rate']
        yield f'at most {rate["limit"]} starts in {rate["period"]} s'
    if 'debounce' in settings:
        debounce = settings['debounce']
        yield (f'the last one starts after {debounce["period"]} s without '
               f'another, at most {debounce["max"]} s after the first')
    if 'singleton' in settings:
        yield ('one at a time, and a new one cancels the earlier ones'
               if settings['singleton'] == Singleton.NEWEST else
               'one at a time, and later ones are cancelled')
    if 'priority' in settings:
        yield f'{settings["priority"]} is the head start in seconds'


def arrive(tx: session.Connection, ctx: context.RequestContext,
           request: records.ExecutionRequest) -> list[str]:
    """Put an execution into its line, and return what becomes of it.

    The caller rolls the transaction back.

    :raises TooManyExecutions, Invalid: the execution is synchronous, and
        would have to wait.
    :raises NotFound: the request has no target.
    """
    id = models.new_id()
    target = base.resolve(tx, ctx.visible_scope(), request, id)
    row = base.new_row(request, target, id, lease_seconds=0)
    new = records.NewExecution(
        row, target, flow=flow_keys.create_flow(request, target, row))
    if new.flow is None:
        return []
    flow_queue.enter(tx, new)
    return list(_describe_arrival(tx, new))


def _describe_arrival(tx: session.Connection, new: records.NewExecution
                      ) -> Iterator[str]:
    assert new.flow is not None
    line = f'the line of the key {new.row.flow_key!r}'
    if new.flow.superseded:
        yield (f'Earlier executions in {line} end as cancelled: '
               f'{len(new.flow.superseded)}.')
    if new.row.status == ExecutionStatus.CANCELLED:
        yield ('The execution ends as cancelled at once, since an earlier one '
               f'in {line} has not ended.')
        return
    wait = flow_queue.describe_wait(tx, new.row.id)
    if wait is None:
        yield f'The execution starts at once in {line}.'
        return
    until = (f', until {wait.until.isoformat(" ", "seconds")} (UTC)'
             if wait.until else '')
    yield (f'The execution waits for {wait.reason}, at place {wait.place} '
           f'of {line}{until}.')
