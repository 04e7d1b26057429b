# SPDX-License-Identifier: Apache-2.0
"""Attacks on the worker and the host, by name: ``module.function``.

An attack returns its loot, or the name of the error.  Some attacks never end;
tests observe them from outside.
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
