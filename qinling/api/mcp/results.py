# SPDX-License-Identifier: Apache-2.0
"""Results of tools, and messages of the protocol."""

import json
import typing

import webob

from qinling.api import body
from qinling.api import problems
from qinling.states import ExecutionStatus
from qinling import strict_json

#: Key of the metadata of a result: the id of the execution.
EXECUTION_KEY = 'qinling/executionId'

Result = dict[str, typing.Any]


class Message:
    """Request that needs an answer."""

    def __init__(self, id: str | int | None, is_current: bool) -> None:
        self._id = id
        self._is_current = is_current

    def finish(self, result: Result) -> Result:
        """Return the answer with a result."""
        if self._is_current:
            result['resultType'] = 'complete'
        return {'result': result, 'id': self._id}


def create_result(text: str, value: typing.Any, failed: bool) -> Result:
    """Return the result of a tool.

    :param value: decoded JSON of ``text``, if it has one.
    """
    result: Result = {'content': [{'type': 'text', 'text': text}],
                      'isError': failed}
    if isinstance(value, dict):
        result['structuredContent'] = value
    return result


def describe_answer(answer: webob.Response) -> Result:
    """Return the result for the answer of a route."""
    return create_result(
        answer.text, answer.json if answer.body and answer.content_type
        in (body.JSON, problems.MEDIA_TYPE) else None,
        answer.status_int >= 400)


def describe_execution(row: Result) -> Result:
    """Return the result for an execution that has ended.

    :param row: the execution as the API shows it.
    """
    output = json.loads(row['result'] or '{}').get('output')
    failed = row['status'] != ExecutionStatus.SUCCESS.value
    text = output if isinstance(output, str) else json.dumps(output)
    return {**create_result(text, output, failed),
            '_meta': {EXECUTION_KEY: row['id']}}


def encode(message: Result) -> bytes:
    """Return a message of JSON-RPC."""
    return strict_json.dumps({'jsonrpc': '2.0', **message})
