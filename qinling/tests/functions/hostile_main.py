# SPDX-License-Identifier: Apache-2.0
"""Attempts on what is not one's own, by name: ``module.function``.

An attempt returns what it got; what it was refused is told by the name of
the error.  Some have no end, and are for whoever looks on from outside.
"""

import errno
import importlib


def main(name, *args):
    return attempt(name, args)


def several(attempts):
    """What came of each: ``{label: [name, *args]}``."""
    return {label: attempt(name, args)
            for label, (name, *args) in attempts.items()}


def attempt(name, args):
    module, _dot, function = name.partition('.')
    found = getattr(importlib.import_module('hostile_' + module), function)
    try:
        return found(*args)
    except OSError as error:
        return errno.errorcode.get(error.errno) or str(error)
