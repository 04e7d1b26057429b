# SPDX-License-Identifier: Apache-2.0
"""A function of more than one module, as a user would write it."""

import words


def main(name='world', context=None):
    """Greet somebody; what is printed becomes the log of the execution."""
    print('Greeting', name)
    return {'greetings': words.greetings(name)}
