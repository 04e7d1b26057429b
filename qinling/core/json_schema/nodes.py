# SPDX-License-Identifier: Apache-2.0
"""Compiled schemas, and what the keywords need to compile themselves."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import typing

from qinling.core.json_schema import evaluation
from qinling.core.json_schema import patterns

TEXT, OBJECT, ARRAY = str, dict, list
NUMBER: tuple[type, ...] = (int, float)
ANY: tuple[type, ...] = (bool, type(None), str, dict, list, *NUMBER)

Schema = Mapping[str, typing.Any]


class BadSchema(ValueError):
    """Schema that is not valid here; the message is a sentence.

    :param pointer: place in the schema.
    """

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(f'{pointer or "The schema"} {reason}.')
        self.pointer = pointer


class Node:
    """One compiled schema.

    :param depth: levels of schemas within, including this one.
    :param is_never: the schema ``false``.
    """

    __slots__ = ('_checks', '_tracks', 'depth', 'is_never')

    def __init__(self, depth: int = 1, is_never: bool = False) -> None:
        self._checks: dict[
            type, tuple[int, tuple[evaluation.Check, ...]]] = {}
        self._tracks = False
        self.depth = depth
        self.is_never = is_never

    def set_checks(self, checks: Mapping[type, list[tuple[
            int, evaluation.Check]]], tracks: bool) -> None:
        """Set the checks, with their steps, of every type of value.

        :param tracks: the schema has a keyword about unevaluated values.
        """
        self._checks = {
            kind: (1 + sum(steps for steps, _ in pairs),
                   tuple(check for _, check in pairs))
            for kind, pairs in checks.items()}
        self._tracks = tracks

    def check(self, run: evaluation.Run, value: typing.Any,
              place: evaluation.Place,
              evaluated: evaluation.Evaluated | None = None) -> bool:
        """Return whether a value fits, and record the faults.

        :param evaluated: receives the evaluated members and items.
        """
        entry = self._checks.get(type(value))
        if entry is None:
            run.spend(1)
            return True
        run.spend(entry[0])
        annotations = (evaluation.Evaluated() if self._tracks
                       else evaluated)
        is_valid = True
        for check in entry[1]:
            if not check(run, value, place, annotations):
                is_valid = False
                if run.is_decided:
                    return False
        if is_valid and self._tracks and evaluated is not None:
            _add(run, evaluated, annotations)
        return is_valid

    def apply(self, run: evaluation.Run, value: typing.Any,
              place: evaluation.Place,
              evaluated: evaluation.Evaluated | None) -> bool:
        """Check the value of the schema that contains this one.

        Annotations of a schema that fails do not count.
        """
        if evaluated is None:
            return self.check(run, value, place)
        annotations = evaluation.Evaluated()
        if not self.check(run, value, place, annotations):
            return False
        _add(run, evaluated, annotations)
        return True

    def try_out(self, run: evaluation.Run, value: typing.Any,
                place: evaluation.Place,
                evaluated: evaluation.Evaluated | None = None) -> bool:
        """Return whether a value fits, without recording faults."""
        former, run.is_quiet = run.is_quiet, True
        try:
            return self.apply(run, value, place, evaluated)
        finally:
            run.is_quiet = former


def create_constant(accepts: bool) -> Node:
    """Return the node of a boolean schema."""
    node = Node(is_never=not accepts)
    if not accepts:
        node.set_checks({kind: [(1, _refuse_any)] for kind in ANY}, False)
    return node


def _refuse_any(run: evaluation.Run, value: typing.Any,
                place: evaluation.Place, _: typing.Any) -> bool:
    return run.refuse(place, 'is not permitted')


def _add(run: evaluation.Run, target: evaluation.Evaluated,
         evaluated: evaluation.Evaluated | None) -> None:
    if evaluated is not None:
        # Sets that grow cost more than other steps.
        run.spend(3 * (len(evaluated.names) + len(evaluated.items)))
        target.add(evaluated)


class Compiler(typing.Protocol):
    """Compilation of the document that a schema belongs to."""

    def compile(self, schema: typing.Any, pointer: str) -> Node:
        """Return the node of the schema at a place."""

    def resolve(self, reference: str, pointer: str) -> Node:
        """Return the node of the reference at a place."""


class Source:
    """One schema in its document, for the keywords."""

    def __init__(self, schema: Schema, pointer: str, compiler: Compiler
                 ) -> None:
        self.schema = schema
        self._pointer = pointer
        self._compiler = compiler
        #: Schemas that this one consists of.
        self.children: list[Node] = []

    def fail(self, keyword: str, reason: str) -> typing.NoReturn:
        """Refuse a keyword.

        :raises BadSchema: always.
        """
        raise BadSchema(f'{self._pointer}/{escape(keyword)}', reason)

    def count(self, keyword: str) -> int:
        """Return a number of things."""
        value = self.number(keyword)
        if value < 0 or value != int(value):
            self.fail(keyword, 'must be a whole number, at least 0')
        return int(value)

    def number(self, keyword: str) -> int | float:
        """Return a number."""
        value = self.schema[keyword]
        if type(value) not in NUMBER:
            self.fail(keyword, 'must be a number')
        number: int | float = value
        return number

    def text(self, keyword: str) -> str:
        """Return a text."""
        value = self.schema[keyword]
        if type(value) is not str:
            self.fail(keyword, 'must be text')
        return value

    def names(self, keyword: str, value: typing.Any) -> list[str]:
        """Return a list of different texts."""
        if type(value) is not list or any(
                type(name) is not str for name in value) or (
                len(set(value)) < len(value)):
            self.fail(keyword, 'must be a list of different texts')
        names: list[str] = value
        return names

    def pattern(self, keyword: str, text: str) -> patterns.Pattern:
        """Return a compiled regular expression."""
        try:
            return patterns.Pattern(text)
        except patterns.BadPattern as e:
            self.fail(keyword, str(e))

    def node(self, keyword: str) -> Node:
        """Return the schema of a keyword."""
        return self._child(self.schema[keyword], escape(keyword))

    def nodes(self, keyword: str) -> list[Node]:
        """Return the schemas of a keyword with a list."""
        value = self.schema[keyword]
        if type(value) is not list or not value:
            self.fail(keyword, 'must be a list with one schema or more')
        return [self._child(item, f'{keyword}/{index}')
                for index, item in enumerate(value)]

    def node_map(self, keyword: str) -> dict[str, Node]:
        """Return the schemas of a keyword with an object."""
        value = self.schema[keyword]
        if type(value) is not dict:
            self.fail(keyword, 'must be an object with schemas')
        return {name: self._child(child, f'{keyword}/{escape(name)}')
                for name, child in value.items()}

    def reference(self, keyword: str) -> Node:
        """Return the schema that a keyword refers to."""
        node = self._compiler.resolve(
            self.text(keyword), f'{self._pointer}/{keyword}')
        self.children.append(node)
        return node

    def _child(self, schema: typing.Any, path: str) -> Node:
        node = self._compiler.compile(schema, f'{self._pointer}/{path}')
        self.children.append(node)
        return node


def escape(name: str) -> str:
    """Return a name as a part of a JSON pointer."""
    return name.replace('~', '~0').replace('/', '~1')


#: A keyword: creates the steps and the check, ``None`` for an annotation.
Create = Callable[[Source], tuple[int, evaluation.Check] | None]
#: Keyword -> types of the values, and creator; checks run in this order.
KEYWORDS: dict[str, tuple[Iterable[type], Create]] = {}


def keyword(name: str, *kinds: type) -> Callable[[Create], Create]:
    """Return a decorator for the creator of a keyword."""
    def register(create: Create) -> Create:
        KEYWORDS[name] = kinds or ANY, create
        return create
    return register
