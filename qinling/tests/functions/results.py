# SPDX-License-Identifier: Apache-2.0
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
    for _ in range(100000):
        result = [result]
    return result


def long(size):
    return 'x' * size


def odd_text():
    return 'Gr\u00fc\u00dfe \U0001f600 "quoted" \\ \ud800'


def keys():
    return {1: 'one', None: 'none', 'true': 'yes'}
