# SPDX-License-Identifier: Apache-2.0
"""Policies in code: one module with ``RULES`` per noun.

The package collects the modules.  No other package decides on permissions.
"""

import importlib
import operator
import pkgutil

from oslo_policy import policy


def list_rules() -> list[policy.RuleDefault]:
    """Return every rule of the service, as oslo.policy defaults."""
    rules: list[policy.RuleDefault] = []
    for module in sorted(pkgutil.iter_modules(__path__),
                         key=operator.attrgetter('name')):
        rules += importlib.import_module(f'{__name__}.{module.name}').RULES
    return rules
