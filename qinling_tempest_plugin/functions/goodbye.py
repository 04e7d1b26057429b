# SPDX-License-Identifier: Apache-2.0
"""Second version of ``hello``, with another result."""


def main(name: str = 'World', **kwargs: object) -> str:
    print(f'leaving {name}')
    return f'Goodbye, {name}'
