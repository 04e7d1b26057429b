# SPDX-License-Identifier: Apache-2.0
"""Unit tests of the database on SQLite.

The tests of all databases are in :mod:`qinling.tests.contracts`.
"""
