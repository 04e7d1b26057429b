# SPDX-License-Identifier: Apache-2.0
"""Module for ``main``: a function can import any module of the package."""

HELLO = {'en': 'Hello', 'es': 'Hola', 'zh': '你好'}


def greetings(name):
    """Return a greeting in each language."""
    return {language: f'{hello}, {name}!'
            for language, hello in HELLO.items()}
