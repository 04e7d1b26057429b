# SPDX-License-Identifier: Apache-2.0
"""Request to run a function once on this machine."""

from collections.abc import Mapping
import dataclasses
import typing

from oslo_config import cfg

from qinling.core.execution import contract_faults
from qinling.core.execution import inputs
from qinling.core import validation
from qinling import exception
from qinling.orchestrators import base

if typing.TYPE_CHECKING:
    from qinling.core.json_schema import compiler

_Json = dict[str, typing.Any]


@dataclasses.dataclass(frozen=True)
class LocalRequest:
    """Function and input of a run; see the API for the fields.

    :ivar id: of the execution.
    :ivar package: path of a ZIP archive.
    :ivar image: language, see :mod:`qinling.orchestrators.process.languages`.
    :ivar builds: directory of installed dependencies.
    :ivar follows_log: report the log while the function runs.
    :ivar streams: report the output as the function yields it.
    :ivar network: the function has the network of this machine.
    """

    id: str
    package: str
    image: str
    entry: str
    builds: str
    cpu: int | None = None
    memory_size: int | None = None
    timeout: int | None = None
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    input: typing.Any = None
    input_schema: _Json | None = None
    output_schema: _Json | None = None
    follows_log: bool = False
    streams: bool = False
    network: bool = False


class Plan:
    """Request with defaults, checked."""

    def __init__(self, conf: cfg.ConfigOpts, request: LocalRequest) -> None:
        self.request = request
        self.cpu, self.memory_size, self.timeout = (
            validation.default(conf, name)
            if (value := getattr(request, name)) is None
            else validation.resource(conf, name, value)
            for name in ('cpu', 'memory_size', 'timeout'))
        stored = inputs.normalise(request.input)
        self.args, self.kwargs = inputs.arguments(stored)
        schema = _compile('input_schema', request.input_schema)
        if schema is not None and (faults := contract_faults.validate(
                schema, inputs.argument(stored))):
            raise exception.InputRefused(
                faults=contract_faults.describe_faults(faults))
        self.output_schema = _compile('output_schema', request.output_schema)

    @property
    def limits(self) -> base.Limits:
        """Return the limits of the worker."""
        return base.Limits(self.cpu, self.memory_size, 1)


def _compile(name: str, schema: _Json | None
             ) -> 'compiler.JsonSchema | None':
    if not schema:
        return None
    from qinling.core.json_schema import compiler
    from qinling.core.json_schema import nodes

    try:
        return compiler.compile_document(schema)
    except nodes.BadSchema as e:
        raise exception.Invalid(f'{name} is not valid: {e}')
