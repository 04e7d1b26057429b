# SPDX-License-Identifier: Apache-2.0
"""Keywords for the members of objects."""

import typing

from qinling.core.json_schema import evaluation
from qinling.core.json_schema import nodes
from qinling.core.json_schema import patterns
from qinling import printable

_Created = tuple[int, evaluation.Check]
_Evaluated = evaluation.Evaluated | None
#: Characters of a name in a fault.
_MAX_NAME_LENGTH = 100


@nodes.keyword('required', nodes.OBJECT)
def _required(source: nodes.Source) -> _Created:
    names = source.names('required', source.schema['required'])
    return len(names), _create_requirement(names)


def _create_requirement(names: list[str]) -> evaluation.Check:
    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, _: _Evaluated) -> bool:
        is_valid = True
        for name in names:
            if name not in value:
                is_valid = run.refuse(place, f'must have {_shorten(name)}')
                if run.is_decided:
                    break
        return is_valid
    return check


@nodes.keyword('dependentRequired', nodes.OBJECT)
def _dependent_required(source: nodes.Source) -> _Created:
    value = source.schema['dependentRequired']
    if type(value) is not dict:
        source.fail('dependentRequired', 'must be an object with lists')
    required = {name: source.names('dependentRequired', names)
                for name, names in value.items()}
    checks = {name: (len(names), _create_requirement(names))
              for name, names in required.items()}

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, _: _Evaluated) -> bool:
        is_valid = True
        for name, (steps, requirement) in checks.items():
            if name in value:
                run.spend(steps)
                is_valid &= requirement(run, value, place, None)
        return is_valid
    return len(checks), check


@nodes.keyword('dependentSchemas', nodes.OBJECT)
def _dependent_schemas(source: nodes.Source) -> _Created:
    children = source.node_map('dependentSchemas')

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, evaluated: _Evaluated) -> bool:
        is_valid = True
        for name, child in children.items():
            if name in value:
                is_valid &= child.apply(run, value, place, evaluated)
        return is_valid
    return len(children), check


@nodes.keyword('properties', nodes.OBJECT)
def _properties(source: nodes.Source) -> _Created:
    children = source.node_map('properties')

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, evaluated: _Evaluated) -> bool:
        is_valid = True
        for name, child in children.items():
            if name in value:
                if evaluated is not None:
                    evaluated.names.add(name)
                if not child.check(run, value[name], (place, name)):
                    is_valid = False
                    if run.is_decided:
                        break
        return is_valid
    return len(children), check


def _compile_patterns(source: nodes.Source) -> list[patterns.Pattern]:
    if type(source.schema.get('patternProperties', {})) is not dict:
        source.fail('patternProperties', 'must be an object with schemas')
    return [source.pattern('patternProperties', text)
            for text in source.schema.get('patternProperties', {})]


def _matches(run: evaluation.Run, pattern: patterns.Pattern, name: str
             ) -> bool:
    run.spend(pattern.cost(name))
    return pattern.is_in(name)


@nodes.keyword('patternProperties', nodes.OBJECT)
def _pattern_properties(source: nodes.Source) -> _Created:
    pairs = list(zip(_compile_patterns(source),
                     source.node_map('patternProperties').values()))

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, evaluated: _Evaluated) -> bool:
        is_valid = True
        for name, member in value.items():
            for pattern, child in pairs:
                if not _matches(run, pattern, name):
                    continue
                if evaluated is not None:
                    evaluated.names.add(name)
                if not child.check(run, member, (place, name)):
                    is_valid = False
                    if run.is_decided:
                        return False
        return is_valid
    return 1, check


def _check_members(run: evaluation.Run, names: list[str],
                   members: tuple[nodes.Node, typing.Any, evaluation.Place],
                   evaluated: _Evaluated) -> bool:
    """Check the members of an object that no other keyword describes."""
    child, value, place = members
    is_valid = True
    for name in names:
        if evaluated is not None:
            evaluated.names.add(name)
        if child.is_never:
            is_valid = run.refuse((place, name), 'is not a permitted member')
        elif not child.check(run, value[name], (place, name)):
            is_valid = False
        if not is_valid and run.is_decided:
            break
    return is_valid


@nodes.keyword('additionalProperties', nodes.OBJECT)
def _additional_properties(source: nodes.Source) -> _Created:
    child = source.node('additionalProperties')
    described = source.schema.get('properties', {})
    expressions = _compile_patterns(source)

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, evaluated: _Evaluated) -> bool:
        run.spend(len(value))
        names = [name for name in value if name not in described
                 and not any(_matches(run, pattern, name)
                             for pattern in expressions)]
        return _check_members(run, names, (child, value, place), evaluated)
    return 1, check


@nodes.keyword('propertyNames', nodes.OBJECT)
def _property_names(source: nodes.Source) -> _Created:
    child = source.node('propertyNames')

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, _: _Evaluated) -> bool:
        for name in value:
            if not child.try_out(run, name, place):
                return run.refuse(
                    (place, name), 'has a name that is not permitted')
        return True
    return 1, check


@nodes.keyword('unevaluatedProperties', nodes.OBJECT)
def _unevaluated_properties(source: nodes.Source) -> _Created:
    child = source.node('unevaluatedProperties')

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, evaluated: _Evaluated) -> bool:
        assert evaluated is not None
        run.spend(len(value))
        names = [name for name in value if name not in evaluated.names]
        return _check_members(run, names, (child, value, place), evaluated)
    return 1, check


def _shorten(name: str) -> str:
    return printable.escape(printable.shorten(name, _MAX_NAME_LENGTH))
