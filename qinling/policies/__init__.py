# SPDX-License-Identifier: Apache-2.0
"""Policies in code: one module for each noun, collected by being here.

A module declares ``RULES``.  Who may do what is said nowhere else.
"""

import importlib
import pkgutil


def list_rules():
    """Every rule of the service, as oslo.policy defaults."""
    rules = []
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda i: i.name):
        rules += importlib.import_module(f'{__name__}.{info.name}').RULES
    return rules
