# SPDX-License-Identifier: Apache-2.0
"""The only place with SQL: models, connections, verbs and migrations.

Tenancy is inside the verbs of :mod:`qinling.db.crud`.  No rules about what
functions or executions may do belong here; those are in ``core``.
"""
