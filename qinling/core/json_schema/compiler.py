# SPDX-License-Identifier: Apache-2.0
"""Compilation of schemas, and the limits of a schema."""

from collections.abc import Mapping
import json
import typing
import urllib.parse

from qinling.core.json_schema import arrays  # noqa: F401, keywords
from qinling.core.json_schema import combinations  # noqa: F401, keywords
from qinling.core.json_schema import evaluation
from qinling.core.json_schema import nodes
from qinling.core.json_schema import objects  # noqa: F401, keywords
from qinling.core.json_schema import scalars  # noqa: F401, keywords

DIALECT = 'https://json-schema.org/draft/2020-12/schema'
#: Bytes of a schema, values within, and levels of arrays and objects.
MAX_BYTES, MAX_VALUES, MAX_LEVELS = 64 * 1024, 4000, 32
#: Levels of schemas, with every reference as a level.
MAX_DEPTH = 64
#: Annotation -> type.
_ANNOTATIONS: Mapping[str, type] = {
    'title': str, 'description': str, '$comment': str, '$anchor': str,
    '$dynamicAnchor': str, '$id': str, '$schema': str,
    'contentEncoding': str, 'contentMediaType': str, 'examples': list,
    'deprecated': bool, 'readOnly': bool, 'writeOnly': bool,
    '$vocabulary': dict}
#: Keywords with schemas that the value is not checked against.
_UNCHECKED_MAPS = ('$defs', 'definitions')
_ANCHORS = ('$anchor', '$dynamicAnchor')
_UNEVALUATED = ('unevaluatedProperties', 'unevaluatedItems')
#: Keywords in the order of their checks: these two depend on all before.
_KEYWORDS = sorted(nodes.KEYWORDS.items(),
                   key=lambda pair: pair[0] in _UNEVALUATED)


class JsonSchema:
    """A compiled document."""

    def __init__(self, root: nodes.Node) -> None:
        self._root = root

    def validate(self, value: typing.Any) -> list[evaluation.Fault]:
        """Return the first faults of a value, nothing if the value fits.

        :raises TooExpensive: the validation takes too many steps.
        """
        run = evaluation.Run()
        try:
            self._root.check(run, value, ())
        except RecursionError:
            raise evaluation.TooExpensive()
        return run.faults


def compile_document(document: typing.Any) -> JsonSchema:
    """Return a compiled schema.

    :raises BadSchema: the schema is not valid, or beyond a limit.
    """
    _check_size(document)
    return JsonSchema(_Compiler(document).compile(document, ''))


def _check_size(document: typing.Any) -> None:
    """Check the limits on the text of a schema.

    :raises BadSchema: a limit is exceeded.
    """
    level, count = [document], 1
    for _ in range(MAX_LEVELS + 1):
        level = [child for value in level if isinstance(value, (dict, list))
                 for child in (value.values() if isinstance(value, dict)
                               else value)]
        count += len(level)
        if count > MAX_VALUES:
            raise nodes.BadSchema(
                '', f'must have at most {MAX_VALUES} values')
    if level:
        raise nodes.BadSchema(
            '', f'must have at most {MAX_LEVELS} nested arrays and objects')
    if len(json.dumps(document)) > MAX_BYTES:
        raise nodes.BadSchema('', f'must have at most {MAX_BYTES} bytes')


class _Compiler:
    """Compilation of one document; equal places share a node."""

    def __init__(self, document: typing.Any) -> None:
        self._document = document
        self._nodes: dict[int, nodes.Node] = {}
        self._active: set[int] = set()
        self._anchors: dict[str, tuple[typing.Any, str]] = {}
        self._id = ''
        if isinstance(document, dict):
            self._id = str(document.get('$id', ''))
            self._collect_anchors(document)

    def _collect_anchors(self, document: dict[str, typing.Any]) -> None:
        waiting: list[tuple[typing.Any, str]] = [(document, '')]
        while waiting:
            value, pointer = waiting.pop()
            children = (value.items() if isinstance(value, dict)
                        else enumerate(value) if isinstance(value, list)
                        else ())
            waiting += [(child, f'{pointer}/{nodes.escape(str(name))}')
                        for name, child in children]
            if isinstance(value, dict):
                for keyword in _ANCHORS:
                    if isinstance(value.get(keyword), str):
                        self._anchors.setdefault(
                            value[keyword], (value, pointer))

    def compile(self, schema: typing.Any, pointer: str) -> nodes.Node:
        """Return the node of the schema at a place."""
        if isinstance(schema, bool):
            return nodes.create_constant(schema)
        if not isinstance(schema, dict):
            raise nodes.BadSchema(
                pointer, 'must be a schema: an object, true or false')
        key = id(schema)
        if key in self._active:
            raise nodes.BadSchema(
                pointer, 'is part of itself by references; recursive schemas '
                         'are not supported')
        node = self._nodes.get(key)
        if node is None:
            self._active.add(key)
            node = self._nodes[key] = self._compile(schema, pointer)
            self._active.discard(key)
        # Nodes met again may be higher by now than their place allows.
        if node.depth + len(self._active) > MAX_DEPTH:
            raise nodes.BadSchema(
                pointer, f'must have at most {MAX_DEPTH} nested schemas and '
                         'references')
        return node

    def _compile(self, schema: dict[str, typing.Any], pointer: str
                 ) -> nodes.Node:
        if len(self._active) > MAX_DEPTH:
            raise nodes.BadSchema(
                pointer, f'must have at most {MAX_DEPTH} nested schemas and '
                         'references')
        source = nodes.Source(schema, pointer, self)
        self._check_annotations(source, is_root=not pointer)
        checks: dict[type, list[tuple[int, evaluation.Check]]] = {}
        for keyword, (kinds, create) in _KEYWORDS:
            if keyword not in schema:
                continue
            check = create(source)
            if check is not None:
                for kind in kinds:
                    checks.setdefault(kind, []).append(check)
        depth = 1 + max((child.depth for child in source.children),
                        default=0)
        for keyword in _UNCHECKED_MAPS:
            if keyword in schema:
                source.node_map(keyword)
        node = nodes.Node(depth)
        node.set_checks(checks, any(
            keyword in schema for keyword in _UNEVALUATED))
        return node

    def _check_annotations(self, source: nodes.Source, is_root: bool
                           ) -> None:
        for keyword, kind in _ANNOTATIONS.items():
            if type(source.schema.get(keyword, kind())) is not kind:
                source.fail(keyword, 'has a wrong type')
        if not is_root and '$id' in source.schema:
            source.fail('$id', 'is possible at the top of a schema only')
        dialect = source.schema.get('$schema', DIALECT)
        if dialect.removesuffix('#') != DIALECT:
            source.fail('$schema', f'must be {DIALECT}')
        if 'contentSchema' in source.schema:
            source.node('contentSchema')

    def resolve(self, reference: str, pointer: str) -> nodes.Node:
        """Return the node of a reference.

        :param pointer: place of the reference.
        """
        text = reference.removeprefix(self._id)
        if not text.startswith('#'):
            raise nodes.BadSchema(
                pointer, 'must refer to a place in the same schema, such as '
                         '#/$defs/name')
        fragment = urllib.parse.unquote(text[1:])
        if fragment and not fragment.startswith('/'):
            if fragment not in self._anchors:
                raise nodes.BadSchema(pointer, 'refers to no anchor')
            return self.compile(*self._anchors[fragment])
        schema = self._document
        for part in fragment.split('/')[1:]:
            name = part.replace('~1', '/').replace('~0', '~')
            if isinstance(schema, dict) and name in schema:
                schema = schema[name]
            elif (isinstance(schema, list) and name.isdecimal()
                    and name.isascii() and int(name) < len(schema)):
                schema = schema[int(name)]
            else:
                raise nodes.BadSchema(pointer, 'refers to nothing')
        return self.compile(schema, fragment)
