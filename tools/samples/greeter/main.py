# SPDX-License-Identifier: Apache-2.0
"""Function of two modules, as a user writes functions."""

import words


def main(name='world', context=None):
    """Return greetings; output on stdout becomes the log of the execution."""
    print('Greeting', name)
    return {'greetings': words.greetings(name)}
