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

"""Results that are, or are not, JSON."""


def echo(*args, **kwargs):
    kwargs.pop('context')
    return [list(args), kwargs]


def nothing():
    pass


def a_set():
    return {1, 2}


def not_a_number():
    return float('nan')


def circle():
    result = []
    result.append(result)
    return result


def deep():
    result = []
    for _each in range(100000):
        result = [result]
    return result


def long(size):
    return 'x' * size


def odd_text():
    return 'Gr\u00fc\u00dfe \U0001f600 "quoted" \\ \ud800'


def keys():
    return {1: 'one', None: 'none', 'true': 'yes'}
