# SPDX-License-Identifier: Apache-2.0
"""Models, connections, statements and migrations: the only place with SQL.

The functions of :mod:`qinling.db.crud` keep projects apart.  Rules about
functions or executions do not belong here, but in ``core``.
"""
