# SPDX-License-Identifier: Apache-2.0
"""Greets."""


def main(name='World', **kwargs):
    print(f'greeting {name}')
    return f'Hello, {name}'
