# SPDX-License-Identifier: Apache-2.0
"""Option with the flow control of a function or alias."""

import typing

from qinling.client.commands import options


def read_json(text: str) -> dict[str, typing.Any]:
    """Return a JSON object, or the JSON object in a file."""
    return (options.parse_json_object(text) if text.lstrip().startswith('{')
            else options.read_json_object(text))


OPTION = options.Argument(
    '--flow-control', type=read_json, metavar='JSON_OR_FILE',
    help='Which executions may start, and when: a JSON object such as '
         '{"key": "$.customer", "concurrency": 1}, or a file with the '
         'object; {} removes the flow control.')
