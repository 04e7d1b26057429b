# SPDX-License-Identifier: Apache-2.0
"""What ``main`` needs; any module in the package can be imported."""

HELLO = {'en': 'Hello', 'es': 'Hola', 'zh': '你好'}


def greetings(name):
    """A greeting in each language that we know."""
    return {language: f'{hello}, {name}!'
            for language, hello in HELLO.items()}
