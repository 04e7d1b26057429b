#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

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
