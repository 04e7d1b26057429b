# SPDX-License-Identifier: Apache-2.0
"""Function that greets."""


def main(name: str = 'World', **kwargs: object) -> str:
    print(f'greeting {name}')
    return f'Hello, {name}'
