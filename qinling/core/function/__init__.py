# SPDX-License-Identifier: Apache-2.0
"""Functions with their versions, aliases, code, settings and workers.

Modules here may use ``core.runtime`` and the shared modules of ``core``.
Executions and triggers do not belong here.
"""
