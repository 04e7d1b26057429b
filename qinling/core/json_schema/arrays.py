# SPDX-License-Identifier: Apache-2.0
"""Keywords for the items of arrays."""

import typing

from qinling.core.json_schema import evaluation
from qinling.core.json_schema import nodes

_Created = tuple[int, evaluation.Check]
_Evaluated = evaluation.Evaluated | None


@nodes.keyword('prefixItems', nodes.ARRAY)
def _prefix_items(source: nodes.Source) -> _Created:
    children = source.nodes('prefixItems')

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, evaluated: _Evaluated) -> bool:
        if evaluated is not None:
            evaluated.prefix = max(evaluated.prefix, len(children))
        is_valid = True
        for index, (child, item) in enumerate(zip(children, value)):
            if not child.check(run, item, (place, index)):
                is_valid = False
                if run.is_decided:
                    break
        return is_valid
    return 1, check


@nodes.keyword('items', nodes.ARRAY)
def _items(source: nodes.Source) -> _Created:
    child = source.node('items')
    prefix = source.schema.get('prefixItems', ())
    start = len(prefix) if type(prefix) is list else 0

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, evaluated: _Evaluated) -> bool:
        if evaluated is not None:
            evaluated.prefix = len(value)
        is_valid = True
        for index in range(start, len(value)):
            if not child.check(run, value[index], (place, index)):
                is_valid = False
                if run.is_decided:
                    break
        return is_valid
    return 1, check


@nodes.keyword('contains', nodes.ARRAY)
def _contains(source: nodes.Source) -> _Created:
    child = source.node('contains')
    minimum = source.count('minContains') if (
        'minContains' in source.schema) else 1
    maximum = source.count('maxContains') if (
        'maxContains' in source.schema) else None

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, evaluated: _Evaluated) -> bool:
        count = 0
        for index, item in enumerate(value):
            if child.try_out(run, item, place):
                count += 1
                if evaluated is not None:
                    evaluated.items.add(index)
        if count < minimum:
            return run.refuse(place, f'must have at least {minimum} items '
                                     'that fit the schema of contains')
        return maximum is None or count <= maximum or run.refuse(
            place, f'must have at most {maximum} items that fit the schema of '
                   'contains')
    return 1, check


def _register_count(name: str) -> None:
    @nodes.keyword(name, nodes.ARRAY)
    def create(source: nodes.Source) -> None:
        source.count(name)


for _count in ('minContains', 'maxContains'):
    _register_count(_count)


@nodes.keyword('uniqueItems', nodes.ARRAY)
def _unique_items(source: nodes.Source) -> _Created | None:
    is_required = source.schema['uniqueItems']
    if type(is_required) is not bool:
        source.fail('uniqueItems', 'must be true or false')

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, _: _Evaluated) -> bool:
        keys = set()
        for index, item in enumerate(value):
            key = run.key(item)
            run.spend(3)
            if key in keys:
                return run.refuse((place, index),
                                  'must differ from all former items')
            keys.add(key)
        return True
    return (1, check) if is_required else None


@nodes.keyword('unevaluatedItems', nodes.ARRAY)
def _unevaluated_items(source: nodes.Source) -> _Created:
    child = source.node('unevaluatedItems')

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, evaluated: _Evaluated) -> bool:
        assert evaluated is not None
        is_valid = True
        for index in range(evaluated.prefix, len(value)):
            run.spend(1)
            if index in evaluated.items:
                continue
            if not child.check(run, value[index], (place, index)):
                is_valid = False
                if run.is_decided:
                    return False
        evaluated.prefix = len(value)
        return is_valid
    return 1, check
