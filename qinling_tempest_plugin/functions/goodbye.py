# SPDX-License-Identifier: Apache-2.0
"""Takes leave, so that another version can be told from the first."""


def main(name='World', **kwargs):
    print(f'leaving {name}')
    return f'Goodbye, {name}'
