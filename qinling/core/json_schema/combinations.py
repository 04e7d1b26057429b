# SPDX-License-Identifier: Apache-2.0
"""Keywords that combine schemas for the same value."""

import typing

from qinling.core.json_schema import evaluation
from qinling.core.json_schema import nodes

_Created = tuple[int, evaluation.Check]
_Evaluated = evaluation.Evaluated | None


def _register_reference(name: str) -> None:
    @nodes.keyword(name)
    def create(source: nodes.Source) -> _Created:
        return 1, source.reference(name).apply


# A document without resources inside has one scope, so a dynamic reference
# leads to the same schema as a plain one.
for _reference in ('$ref', '$dynamicRef'):
    _register_reference(_reference)


@nodes.keyword('allOf')
def _all_of(source: nodes.Source) -> _Created:
    children = source.nodes('allOf')

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, evaluated: _Evaluated) -> bool:
        is_valid = True
        for child in children:
            if not child.apply(run, value, place, evaluated):
                is_valid = False
                if run.is_decided:
                    break
        return is_valid
    return 1, check


@nodes.keyword('anyOf')
def _any_of(source: nodes.Source) -> _Created:
    children = source.nodes('anyOf')

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, evaluated: _Evaluated) -> bool:
        is_valid = False
        for child in children:
            if child.try_out(run, value, place, evaluated):
                is_valid = True
                if evaluated is None:
                    break
        return is_valid or run.refuse(
            place, 'must fit at least one schema of anyOf')
    return 1, check


@nodes.keyword('oneOf')
def _one_of(source: nodes.Source) -> _Created:
    children = source.nodes('oneOf')

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, evaluated: _Evaluated) -> bool:
        matches = 0
        for child in children:
            matches += child.try_out(run, value, place, evaluated)
            if matches > 1:
                break
        return matches == 1 or run.refuse(
            place, 'must fit exactly one schema of oneOf, and fits '
                   + ('several' if matches else 'none'))
    return 1, check


@nodes.keyword('not')
def _not(source: nodes.Source) -> _Created:
    child = source.node('not')

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, _: _Evaluated) -> bool:
        return not child.try_out(run, value, place) or run.refuse(
            place, 'must not fit the schema of not')
    return 1, check


@nodes.keyword('if')
def _if(source: nodes.Source) -> _Created:
    condition = source.node('if')
    branches = {name: source.node(name) for name in ('then', 'else')
                if name in source.schema}

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, evaluated: _Evaluated) -> bool:
        is_met = condition.try_out(run, value, place, evaluated)
        branch = branches.get('then' if is_met else 'else')
        return branch is None or branch.apply(run, value, place, evaluated)
    return 1, check


def _register_branch(name: str) -> None:
    @nodes.keyword(name)
    def create(source: nodes.Source) -> None:
        if 'if' not in source.schema:
            source.node(name)


for _branch in ('then', 'else'):
    _register_branch(_branch)
