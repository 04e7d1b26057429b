# SPDX-License-Identifier: Apache-2.0
"""Executions: creation, admission, dispatch and every write of a row.

Modules here may use ``core.function`` and ``core.runtime``.  Jobs, webhooks
and other triggers do not belong here.
"""
