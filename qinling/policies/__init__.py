#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

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
