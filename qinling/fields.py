# SPDX-License-Identifier: Apache-2.0
"""Declaration of the fields of a function.

Each field is declared here once.  The types of the API, the form of an upload,
the validation, the Python client and the options of the command line read the
declaration; ``qinling.db.models`` has the column.  A leaf module: client and
service both import it.
"""

import dataclasses
import enum
import re

#: Name of an alias; not "." and "..", which have a meaning in paths.
ALIAS_NAME = re.compile(r'(?!\.{1,2}$)[A-Za-z0-9._-]{1,255}')


class Kind(enum.Enum):
    """How a field is checked, stored and entered."""

    #: Text of at most ``max_length`` characters.
    TEXT = 'text'
    #: Integer within the ``[resource_limits]`` of the operator.
    RESOURCE = 'resource'
    #: JSON object with rules of its own.
    OBJECT = 'object'
    #: Id of another resource.
    ID = 'id'
    #: Boolean.
    FLAG = 'flag'
    #: Integer from 0 to an option of ``[resource_limits]``.
    COUNT = 'count'


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of a request that creates or changes a function.

    :param maximum: option with the greatest value of a ``COUNT``.
    :param reloads: a new value needs workers that load the code again.
    :param example: JSON text for messages about an ``OBJECT``.
    :param help: help text of the option; empty for no generated option.
    :param hidden: the API does not show the value.
    """

    name: str
    kind: Kind
    max_length: int = 0
    maximum: str = ''
    reloads: bool = False
    example: str = ''
    help: str = ''
    hidden: bool = False

    @property
    def option(self) -> str:
        """Return the option of the command line."""
        return '--' + self.name.replace('_', '-')


FUNCTION = (
    Field('name', Kind.TEXT, 255, help='Name of the function.'),
    Field('description', Kind.TEXT, 255,
          help='Description of the function.'),
    Field('runtime_id', Kind.ID),
    Field('entry', Kind.TEXT, 80, reloads=True,
          help='Entry point: MODULE.FUNCTION, or the path of a program.'),
    Field('cpu', Kind.RESOURCE, reloads=True,
          help='CPU limit in thousandths of a core.'),
    Field('memory_size', Kind.RESOURCE, reloads=True,
          help='Memory limit in bytes.'),
    Field('timeout', Kind.RESOURCE),
    Field('async_policy', Kind.OBJECT, example='{"retries": 2}',
          help='Policy for failed asynchronous executions, such as '
               '{"retries": 2}.'),
    Field('input_schema', Kind.OBJECT, example='{"type": "object"}'),
    Field('output_schema', Kind.OBJECT, example='{"type": "object"}'),
    Field('environment', Kind.OBJECT, example='{"LEVEL": "debug"}'),
    Field('secrets', Kind.OBJECT, example='{"PASSWORD": "..."}',
          hidden=True),
    Field('secret_modes', Kind.OBJECT, example='{"PASSWORD": "latest"}',
          hidden=True),
    Field('flow_control', Kind.OBJECT,
          example='{"key": "$.customer", "concurrency": 1}',
          help='Which executions may start, and when: a JSON object, such as '
               '{"key": "$.customer", "concurrency": 1}, or {} for no flow '
               'control.'),
    Field('trust', Kind.FLAG,
          help='Let the function act for you in the cloud.'),
    Field('keep_versions', Kind.COUNT, maximum='max_versions',
          help='Number of newest versions to keep beside the versions in '
               'use; 0 keeps all.'),
)


def names(*kinds: Kind) -> tuple[str, ...]:
    """Return the names of the fields of some kinds, by default of all."""
    return tuple(field.name for field in FUNCTION
                 if not kinds or field.kind in kinds)
