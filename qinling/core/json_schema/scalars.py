# SPDX-License-Identifier: Apache-2.0
"""Keywords for values without regard to their parts."""

from collections.abc import Callable
import fractions
import operator
import typing

from qinling.core.json_schema import evaluation
from qinling.core.json_schema import formats
from qinling.core.json_schema import nodes
from qinling import printable

_TYPES: dict[str, tuple[type, ...]] = {
    'null': (type(None),), 'boolean': (bool,), 'object': (dict,),
    'array': (list,), 'string': (str,), 'number': (int, float),
    'integer': (int,)}
#: Keyword -> comparison and description.
_BOUNDS: tuple[tuple[str, Callable[[typing.Any, typing.Any], bool], str],
               ...] = (
    ('minimum', operator.ge, 'at least'),
    ('maximum', operator.le, 'at most'),
    ('exclusiveMinimum', operator.gt, 'greater than'),
    ('exclusiveMaximum', operator.lt, 'less than'))
#: Keyword -> type, comparison and description.
_SIZES: tuple[tuple[str, type, Callable[[int, int], bool], str], ...] = (
    ('minLength', str, operator.ge, 'must have at least {} characters'),
    ('maxLength', str, operator.le, 'must have at most {} characters'),
    ('minItems', list, operator.ge, 'must have at least {} items'),
    ('maxItems', list, operator.le, 'must have at most {} items'),
    ('minProperties', dict, operator.ge, 'must have at least {} members'),
    ('maxProperties', dict, operator.le, 'must have at most {} members'))
#: Steps of a division of decimal fractions.
_FRACTION_STEPS = 12
_Created = tuple[int, evaluation.Check]


@nodes.keyword('type')
def _type(source: nodes.Source) -> _Created:
    value = source.schema['type']
    names = source.names('type', value if isinstance(value, list)
                         else [value])
    if not names or not _TYPES.keys() >= set(names):
        source.fail('type', f'must be one or more of {", ".join(_TYPES)}')
    kinds = {kind for name in names for kind in _TYPES[name]}
    is_integer = 'integer' in names and 'number' not in names
    detail = f'must be of the type {" or ".join(names)}'

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, _: typing.Any) -> bool:
        kind = type(value)
        return (kind in kinds
                or is_integer and kind is float and value.is_integer()
                or run.refuse(place, detail))
    return 1, check


@nodes.keyword('enum')
def _enum(source: nodes.Source) -> _Created:
    if type(source.schema['enum']) is not list:
        source.fail('enum', 'must be a list')
    return _one_of(source.schema['enum'], 'must be one of the values of enum')


@nodes.keyword('const')
def _const(source: nodes.Source) -> _Created:
    return _one_of([source.schema['const']], 'must be the value of const')


def _one_of(values: list[typing.Any], detail: str) -> _Created:
    compiling = evaluation.Run()
    keys = {compiling.key(value) for value in values}

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, _: typing.Any) -> bool:
        return run.key(value) in keys or run.refuse(place, detail)
    return 3, check


@nodes.keyword('multipleOf', *nodes.NUMBER)
def _multiple_of(source: nodes.Source) -> _Created:
    divisor = source.number('multipleOf')
    if divisor <= 0:
        source.fail('multipleOf', 'must be greater than 0')
    exact = fractions.Fraction(repr(divisor))

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, _: typing.Any) -> bool:
        if type(value) is type(divisor) is int:
            is_multiple = value % divisor == 0
        else:
            run.spend(_FRACTION_STEPS)
            is_multiple = (fractions.Fraction(repr(value))
                           / exact).denominator == 1
        return is_multiple or run.refuse(
            place, f'must be a multiple of {divisor}')
    return 2, check


def _register_bound(name: str,
                    compare: Callable[[typing.Any, typing.Any], bool],
                    words: str) -> None:
    @nodes.keyword(name, *nodes.NUMBER)
    def create(source: nodes.Source) -> _Created:
        bound = source.number(name)

        def check(run: evaluation.Run, value: typing.Any,
                  place: evaluation.Place, _: typing.Any) -> bool:
            return compare(value, bound) or run.refuse(
                place, f'must be {words} {bound}')
        return 1, check


def _register_size(name: str, kind: type,
                   compare: Callable[[int, int], bool], words: str) -> None:
    @nodes.keyword(name, kind)
    def create(source: nodes.Source) -> _Created:
        size = source.count(name)

        def check(run: evaluation.Run, value: typing.Any,
                  place: evaluation.Place, _: typing.Any) -> bool:
            return compare(len(value), size) or run.refuse(
                place, words.format(size))
        return 1, check


for _bound in _BOUNDS:
    _register_bound(*_bound)
for _size in _SIZES:
    _register_size(*_size)


@nodes.keyword('pattern', nodes.TEXT)
def _pattern(source: nodes.Source) -> _Created:
    text = source.text('pattern')
    pattern = source.pattern('pattern', text)
    detail = f'must match the pattern {printable.shorten(text, 100)}'

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, _: typing.Any) -> bool:
        run.spend(pattern.cost(value))
        return pattern.is_in(value) or run.refuse(place, detail)
    return 1, check


@nodes.keyword('format', nodes.TEXT)
def _format(source: nodes.Source) -> _Created | None:
    name = source.text('format')
    if name not in formats.FORMATS:
        return None

    def check(run: evaluation.Run, value: typing.Any,
              place: evaluation.Place, _: typing.Any) -> bool:
        return formats.has_format(name, value) or run.refuse(
            place, f'must have the format {name}')
    return 10, check
