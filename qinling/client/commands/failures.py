# SPDX-License-Identifier: Apache-2.0
"""Explanations of failed executions."""

from collections.abc import Sequence
import re
import typing

from qinling.client.commands import base
from qinling.client import exceptions
from qinling.client import tracebacks
from qinling.client import v1

if typing.TYPE_CHECKING:
    from qinling.client.v1 import webhooks as api

#: Request of the API in a sentence of the service.
BUILD = re.compile('GET /v1/functions/([0-9a-f-]{36})'
                   '(?:/versions/([0-9]{1,9}))?/build')
#: Sentence of the answer to a delivery.
FAILED = re.compile('Execution ([0-9a-f-]{36}) has failed')
#: Fields with sentences of the service.
SENTENCES = ('result', 'message')


def name_commands(command: base.Command, text: str) -> str:
    """Return a text with commands in place of REST paths."""
    def name_command(match: re.Match[str]) -> str:
        words = ['function build log show', match[1]]
        if match[2]:
            words += '--function-version', match[2]
        return command.describe_command(*words)
    return BUILD.sub(name_command, text)


def format_fields(command: base.Command, names: Sequence[str],
                  values: Sequence[typing.Any]) -> list[typing.Any]:
    """Return values, with commands in sentences of the service."""
    return [name_commands(command, value)
            if name in SENTENCES and isinstance(value, str) else value
            for name, value in zip(names, values)]


def explain(command: base.Command, execution: base.Row,
            client: v1.Client | None = None) -> str:
    """Return why an execution failed, and the command for the log.

    :param execution: with its ``log`` if no server has the execution.
    :param client: of another server than the commands use.
    """
    if 'log' in execution:
        return str(tracebacks.explain(execution, execution['log']))
    id = execution['id']
    try:
        log = (client or command.client).executions.get_log(id)
    except exceptions.HttpError:
        log = ''  # the policy may hide logs

    show = command.describe_command('function execution log show', id)
    failure = name_commands(command, str(tracebacks.explain(execution, log)))
    if client is not None:
        # A server that ends with the command.
        return failure
    failure += _explain_limit(command, execution)
    return f'{failure}\nExecution {id}; show the log: {show}'


def _explain_limit(command: base.Command, execution: base.Row) -> str:
    """Return a line about the limit of an execution that took too long."""
    if execution.get('reason') != 'timeout':
        return ''
    id, version = execution['function_id'], execution['function_version']
    try:
        row = (command.client.versions.get(id, version) if version
               else command.client.functions.get(id))
    except exceptions.HttpError:
        return ''  # deleted, or hidden by the policy
    update = command.describe_command('function update', id, '--timeout')
    rest = ', and publish a version' if version else ''
    return (f'\nThe limit is {row["timeout"]} s; set another one: {update} '
            f'TIME{rest}')


def deliver(command: base.Command, id: str | int, delivery: 'api.Delivery'
            ) -> dict[str, typing.Any]:
    """Return the answer to a delivery; explain an execution that failed."""
    try:
        return command.client.webhooks.deliver(str(id), delivery)
    except exceptions.HttpError as e:
        raise _explain_delivery(command, e) from e


def _explain_delivery(command: base.Command, error: exceptions.HttpError
                      ) -> exceptions.ClientError:
    """Return the error of a delivery, with the reason of its execution."""
    match = FAILED.match(error.sentence)
    if not match:
        return error
    try:
        execution = command.client.executions.get(match[1])
    except exceptions.HttpError:
        return error  # the sender may not be the owner
    return exceptions.ClientError(f'{error}\n{explain(command, execution)}')
