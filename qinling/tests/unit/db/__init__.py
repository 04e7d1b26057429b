# SPDX-License-Identifier: Apache-2.0
"""The database by itself, on SQLite.

What must hold on every database is in :mod:`qinling.tests.contracts`.
"""
