# SPDX-License-Identifier: Apache-2.0
"""Explanations of failed executions."""

import re

from qinling.client.commands import base
from qinling.client import exceptions
from qinling.client import tracebacks
from qinling.client import v1

#: Request of the API in a sentence of the service.
BUILD = re.compile('GET /v1/functions/([0-9a-f-]{36})'
                   '(?:/versions/([0-9]{1,9}))?/build')


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

    def name_command(match: re.Match[str]) -> str:
        words = ['function build log show', match[1]]
        if match[2]:
            words += '--function-version', match[2]
        return command.describe_command(*words)
    show = command.describe_command('function execution log show', id)
    failure = BUILD.sub(
        name_command, str(tracebacks.explain(execution, log)))
    if client is not None:
        # A server that ends with the command.
        return failure
    return f'{failure}\nExecution {id}; show the log: {show}'
