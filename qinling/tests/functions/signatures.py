# SPDX-License-Identifier: Apache-2.0
"""Functions that take the context in different ways."""

import functools


def named(context):
    return context


def keyword_only(*, context):
    return context


def keywords(**kwargs):
    return kwargs


def none(name='x'):
    return name


def positional_only(name, /):
    return name


def wrap(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper


wrapped_named = wrap(named)
wrapped_none = wrap(none)
partial_named = functools.partial(named)
partial_none = functools.partial(none, name='partial')


class Instance:
    def __call__(self, context):
        return context

    def method(self, context):
        return context


instance = Instance()
method = instance.method
builtin = len


class Constructed(dict):
    def __init__(self, name):
        super().__init__(name=name)
