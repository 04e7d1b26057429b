# SPDX-License-Identifier: Apache-2.0
"""Requests for executions, as core takes them."""

from collections.abc import Mapping
import typing

from qinling.api import version_choice
from qinling import context
from qinling.core.execution import records
from qinling.core import validation
from qinling import exception


def create(ctx: context.RequestContext, values: Mapping[str, typing.Any]
           ) -> records.ExecutionRequest:
    """Return the request for core.

    :raises Invalid: a field is not valid.
    :raises PolicyForbidden: the caller must not choose a version.
    """
    if not ('function_id' in values or 'function_alias' in values):
        raise exception.Invalid(
            'Either function_alias or function_id must be provided.')
    validation.text('function_alias', values.get('function_alias'))
    validation.text('description', values.get('description'))
    version = values.get('function_version', 0)
    # Beside both, the version belongs to the function, which is ignored.
    chosen_version = 0 if 'function_id' in values else version
    if chosen_version:
        version_choice.check_rule(ctx)
    return records.ExecutionRequest(
        function_id=values.get('function_id'),
        function_version=version, chosen_version=chosen_version,
        function_alias=values.get('function_alias'),
        sync=values.get('sync', True), input=values.get('input'),
        description=values.get('description'),
        routing_key=values.get('routing_key'))
